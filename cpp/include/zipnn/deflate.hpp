// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace zipnn {

/// Compresses to raw DEFLATE (RFC 1951), to exactly the bytes that zlib (1.2.x, 1.3) makes: it is for
/// making a stream anew that zlib once made, on machines whose own zlib gives other bytes.
///
/// Its zlib is that of `deflateInit2(level, Z_DEFLATED, -15, mem_level, Z_DEFAULT_STRATEGY)`, given all
/// input at once. Takes less than a megabyte, however long the input.
class Deflater {
  public:
    /// Takes the next bytes of the stream, valid during the call.
    using Sink = std::function<void(std::span<const std::uint8_t>)>;

    /// level 1 to 9, mem_level 8 or 9; throws std::invalid_argument for others.
    Deflater(int level, int mem_level);
    ~Deflater();
    Deflater(Deflater&&) noexcept;
    Deflater& operator=(Deflater&&) noexcept;

    /// Takes the next bytes of the input, cut as one likes: that changes nothing in the stream, which
    /// ends with the `last` of them (there may be none). Throws std::invalid_argument after that.
    void deflate(std::span<const std::uint8_t> input, bool last, const Sink& sink);

  private:
    class Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace zipnn
