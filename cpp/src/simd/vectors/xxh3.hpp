// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::vectors {

/// The eight accumulators in vectors.
template <typename V>
class Xxh3 {
  public:
    static void accumulate(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                           std::size_t stripes) {
        Xxh3 lanes(acc);
        for (; stripes > 0; --stripes, data += 64, secret += 8) lanes.add_stripe(data, secret);
        lanes.store(acc);
    }

    static void blocks(std::uint64_t* acc, const std::uint8_t* data, const std::uint8_t* secret,
                       std::size_t blocks) {
        Xxh3 lanes(acc);
        for (; blocks > 0; --blocks, data += 64 * xxh3_block_stripes) {
            for (std::size_t i = 0; i < xxh3_block_stripes; ++i)
                lanes.add_stripe(data + 64 * i, secret + 8 * i);
            lanes.scramble(secret + xxh3_scramble_at);
        }
        lanes.store(acc);
    }

  private:
    using Value = typename V::Value;
    static constexpr std::size_t count = 64 / V::bytes;

    explicit Xxh3(const std::uint64_t* acc) {
        const auto* source = reinterpret_cast<const std::uint8_t*>(acc);
        for (std::size_t i = 0; i < count; ++i) acc_[i] = V::load(source + V::bytes * i);
    }
    void store(std::uint64_t* acc) const {
        auto* target = reinterpret_cast<std::uint8_t*>(acc);
        for (std::size_t i = 0; i < count; ++i) V::store(target + V::bytes * i, acc_[i]);
    }

    void add_stripe(const std::uint8_t* data, const std::uint8_t* secret) {
        for (std::size_t i = 0; i < count; ++i) {
            const Value value = V::load(data + V::bytes * i);
            const Value key = V::differ(value, V::load(secret + V::bytes * i));
            const Value product = V::multiply32(key, V::template shr64<32>(key));
            acc_[i] = V::add64(acc_[i], V::add64(product, V::swap64(value)));
        }
    }

    void scramble(const std::uint8_t* secret) {
        const Value prime = V::set64(xxh3_prime);
        for (std::size_t i = 0; i < count; ++i) {
            const Value key = V::load(secret + V::bytes * i);
            const Value mixed = V::differ(V::differ(acc_[i], V::template shr64<47>(acc_[i])), key);
            const Value high = V::multiply32(V::template shr64<32>(mixed), prime);
            acc_[i] = V::add64(V::multiply32(mixed, prime), V::template shl64<32>(high));
        }
    }

    Value acc_[count];
};

}  // namespace zipnn::ZIPNN_TARGET::vectors
