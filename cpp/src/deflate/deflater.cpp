// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <string>

#include "deflate/parser.hpp"
#include "zipnn/deflate.hpp"

namespace zipnn {
namespace {

/// So much input is parsed before what came of it is handed on: it bounds what is kept.
constexpr std::size_t stride = std::size_t{1} << 16;

}  // namespace

class Deflater::Stream {
  public:
    Stream(int level, int mem_level) : parser_(level, mem_level) {}

    void deflate(Bytes input, bool last, const Sink& sink) {
        if (ended_) throw std::invalid_argument("the stream has ended");
        ended_ = last;
        do {
            const Bytes part = input.first(std::min(input.size(), stride));
            input = input.subspan(part.size());
            parser_.parse(part, last && input.empty(), out_);
            if (!out_.bytes().empty()) sink(out_.bytes());
            out_.clear();
        } while (!input.empty());
    }

  private:
    deflate::Parser parser_;
    deflate::BitWriter out_;
    bool ended_ = false;
};

Deflater::Deflater(int level, int mem_level) {
    if (level < 1 || level > 9)
        throw std::invalid_argument("level is " + std::to_string(level) + ", not 1 to 9");
    if (mem_level != 8 && mem_level != 9)
        throw std::invalid_argument("mem_level is " + std::to_string(mem_level) + ", not 8 or 9");
    stream_ = std::make_unique<Stream>(level, mem_level);
}

Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;

void Deflater::deflate(std::span<const std::uint8_t> input, bool last, const Sink& sink) {
    stream_->deflate(input, last, sink);
}

}  // namespace zipnn
