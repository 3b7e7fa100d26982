// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zipnn/order.hpp"

/// The frame (docs/format.md, 2): one compressed tensor or buffer.
namespace zipnn {

/// What the caller says of the data; carried by the head, not interpreted.
struct Description {
    std::string dtype;
    std::vector<std::uint64_t> shape;
    std::uint8_t kind = 0;
    std::uint8_t flags = 0;
    std::vector<std::uint8_t> attachment;
};

struct Coder;  // layout and tables of a tensor

/// What the head of a difference to a base says of it (docs/format.md, 2.8).
struct Difference {
    enum class Form : std::uint8_t { identical = 0, dense = 1, sparse = 2 };

    Form form = Form::identical;
    Order order = Order::integers;
    std::uint64_t base_hash = 0;                ///< of all of the base
    std::uint8_t gap_bits = 0;                  ///< sparse: lower bits of gaps that have a plane of their own
    std::vector<std::uint64_t> base_hashes;     ///< of the base's chunks
    std::vector<std::uint64_t> payload_hashes;  ///< of each payload as it is stored
};

/// A parsed head whose checksum holds.
struct Head {
    Description description;
    std::uint8_t layout = 0;
    unsigned chunk_log2 = 0;
    std::uint32_t head_size = 0;
    std::uint64_t frame_size = 0;
    std::uint64_t data_size = 0;
    std::optional<std::string> reference;  ///< name of the tensor that it stands for
    std::optional<Difference> difference;
    std::shared_ptr<const Coder> coder;    ///< none for references
    std::uint64_t chunk_bytes = 0;         ///< decoded size of a whole chunk
    std::vector<std::uint64_t> offsets;    ///< of each payload in the frame, and of the end of the last
    std::vector<std::uint64_t> checksums;  ///< of each chunk's decoded bytes

    std::size_t chunk_count() const { return checksums.size(); }
    std::uint64_t chunk_size(std::size_t index) const;  ///< decoded size
};

/// Size of the head of the frame that begins with these bytes (at least 12).
std::uint32_t head_size(std::span<const std::uint8_t> prefix);

/// `available`: how many bytes there are for the whole frame.
Head parse_head(std::span<const std::uint8_t> bytes, std::uint64_t available);

/// Throws CorruptError unless `tail` is the frame's padding.
void check_padding(const Head& head, std::span<const std::uint8_t> tail);

/// Decodes chunks `first` .. `first+count-1` from their payloads into `out`, both of the exact size.
void decode_chunks(const Head& head, std::span<const std::uint8_t> payloads, std::size_t first,
                   std::size_t count, std::span<std::uint8_t> out, unsigned threads);

/// What a human calls the coding of a frame, such as "huffman" or "stored".
std::string codec_name(const Head& head);

enum class Level : std::uint8_t { fast, normal, max };
Level level_of(const std::string& name);  ///< throws std::invalid_argument

/// How elements of a dtype are coded.
enum class Family : std::uint8_t {
    stored,
    bytes,
    int16,
    int32,
    int64,
    uint16,
    uint32,
    uint64,
    float8,
    float16,
    bfloat16,
    float32,
    float64,
};
Family family_of(const std::string& name);  ///< throws std::invalid_argument

/// Called with the size of one payload after another, in order, one at a time: where to put it, or null to
/// stop.
using PayloadSink = std::function<std::uint8_t*(std::size_t)>;

/// Codes one tensor in windows of whole chunks: sample_ranges, train, encode for each window, head.
class Encoder {
  public:
    /// `shape`: of the tensor, in whose rows and columns level max finds likenesses; empty if it is not
    /// known.
    Encoder(Family family, std::uint64_t data_size, Level level, unsigned threads,
            const std::vector<std::uint64_t>& shape = {});
    ~Encoder();
    Encoder(Encoder&&) noexcept;
    Encoder& operator=(Encoder&&) noexcept;

    std::uint64_t chunk_bytes() const;
    /// Byte ranges (offset, size) of the data from which `train` learns.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> sample_ranges() const;
    /// Chooses layout and tables; returns the expected ratio of coded to original size.
    double train(std::span<const std::uint8_t> sample);
    /// Instead of train: the chunks are stored, or (`external`) coded by the caller with zstd.
    void set_stored();
    void set_external(unsigned chunk_log2);
    /// Hands the payloads of the next chunks to `sink`, each with its checksum noted for the head. False if
    /// the sink stopped it: then nothing is noted.
    bool encode(std::span<const std::uint8_t> window, const PayloadSink& sink);
    /// Notes a chunk that the caller coded.
    void note_external(std::uint64_t payload_size, std::span<const std::uint8_t> original);

    std::uint64_t payload_size() const;
    std::uint64_t head_size(std::size_t dtype_length, const std::vector<std::uint64_t>& shape,
                            std::size_t attachment) const;
    std::vector<std::uint8_t> head(const Description& description, std::uint64_t frame_size) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::vector<std::uint8_t> reference_frame(const std::string& dtype, const std::vector<std::uint64_t>& shape,
                                          std::uint64_t data_size, const std::string& target);

/// Size of the frame that stores `data_size` bytes: no frame that `compress` makes is larger.
std::uint64_t stored_size(std::uint64_t data_size, const Description& description, std::uint64_t align);

/// Writes a frame to `out`, which has room for `stored_size` bytes. Returns its size, padding included.
std::uint64_t compress(std::span<const std::uint8_t> data, Family family, const Description& description,
                       Level level, std::uint64_t align, unsigned threads, std::span<std::uint8_t> out);

/// Order-0 entropy in bits per byte of data, plane by plane of the family's plainest layout.
double order0(std::span<const std::uint8_t> data, Family family);

/// About what share of the data's 8-byte words occurs more than once: nearly 0 for weights, whatever their
/// type, and much for tables and padding, which are better left to a coder that finds matches. Looks at a
/// sample; 0 if there are too few words to tell.
double repeated_share(std::span<const std::uint8_t> data);

}  // namespace zipnn
