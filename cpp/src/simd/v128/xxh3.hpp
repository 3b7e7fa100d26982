// SPDX-License-Identifier: MIT

/// XXH3 two lanes a vector.
namespace zipnn::ZIPNN_TARGET::v128 {

/// The eight accumulators, out of memory for as long as it lives.
class Xxh3 {
  public:
    explicit Xxh3(std::uint64_t* acc) : acc_(reinterpret_cast<std::uint8_t*>(acc)) {
        for (std::size_t i = 0; i < 4; ++i) lanes_[i] = load(acc_ + 16 * i);
    }
    ~Xxh3() {
        for (std::size_t i = 0; i < 4; ++i) store(acc_ + 16 * i, lanes_[i]);
    }
    Xxh3(const Xxh3&) = delete;
    Xxh3& operator=(const Xxh3&) = delete;

    void add_stripe(const std::uint8_t* data, const std::uint8_t* secret) {
        for (std::size_t i = 0; i < 4; ++i) {
            const V value = load(data + 16 * i), key = differ(value, load(secret + 16 * i));
            const V product = multiply64(key, right64<32>(key));
            lanes_[i] = add64(lanes_[i], add64(product, swap_halves(value)));
        }
    }

    void scramble(const std::uint8_t* secret) {
        const V prime = fill64(xxh3_prime);
        for (std::size_t i = 0; i < 4; ++i) {
            const V mixed = differ(differ(lanes_[i], right64<47>(lanes_[i])), load(secret + 16 * i));
            const V high = multiply64(right64<32>(mixed), prime);
            lanes_[i] = add64(multiply64(mixed, prime), left64<32>(high));
        }
    }

  private:
    std::uint8_t* acc_;
    V lanes_[4];
};

inline void xxh3_accumulate(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                            std::size_t stripes) {
    Xxh3 hash(acc);
    for (; stripes > 0; --stripes, data += 64, secret += 8) hash.add_stripe(data, secret);
}

inline void xxh3_blocks(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                        std::size_t blocks) {
    Xxh3 hash(acc);
    for (; blocks > 0; --blocks, data += 64 * xxh3_block_stripes) {
        for (std::size_t i = 0; i < xxh3_block_stripes; ++i) hash.add_stripe(data + 64 * i, secret + 8 * i);
        hash.scramble(secret + xxh3_scramble_at);
    }
}

}  // namespace zipnn::ZIPNN_TARGET::v128
