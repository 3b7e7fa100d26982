// SPDX-License-Identifier: MIT
#include "zipnn/blocks.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace zipnn::blocks {
namespace {

/// Bytes of blocks whose fields are taken one after the other, while the blocks are in the nearest cache.
constexpr std::size_t group_bytes = 8192;

std::size_t count_of(const Type& type, std::size_t size) {
    if (size % type.size != 0)
        throw std::invalid_argument(std::to_string(size) + " bytes are not whole blocks of " +
                                    std::string(type.name));
    return size / type.size;
}

void check(const Type& type, std::size_t field, std::size_t size, std::size_t count) {
    if (size != count * type.fields[field].size)
        throw std::invalid_argument("field " + std::to_string(field) + " of " + std::string(type.name) +
                                    " has a wrong size");
}

template <typename Fields>
std::size_t check_all(const Type& type, const Fields& fields, std::size_t size) {
    const std::size_t count = count_of(type, size);
    if (fields.size() != type.fields.size())
        throw std::invalid_argument(std::string(type.name) + " has another number of fields");
    for (std::size_t i = 0; i < fields.size(); ++i) check(type, i, fields[i].size(), count);
    return count;
}

/// Calls `work(first, number)` for groups of the blocks, in order.
template <typename Work>
void in_groups(const Type& type, std::size_t count, Work work) {
    const std::size_t step = std::max<std::size_t>(1, group_bytes / type.size);
    for (std::size_t first = 0; first < count; first += step) work(first, std::min(step, count - first));
}

}  // namespace

const Type& type_of(std::string_view name) {
    const auto found = std::ranges::find(types(), name, &Type::name);
    if (found == types().end())
        throw std::invalid_argument("block type " + std::string(name) + " is not known");
    return *found;
}

void split(const Type& type, std::span<const std::uint8_t> blocks,
           std::span<const std::span<std::uint8_t>> fields) {
    const std::size_t count = check_all(type, fields, blocks.size());
    in_groups(type, count, [&](std::size_t first, std::size_t number) {
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const Field& field = type.fields[i];
            field.take(blocks.data() + first * type.size, fields[i].data() + first * field.size, number);
        }
    });
}

void take(const Type& type, std::size_t field, std::span<const std::uint8_t> blocks,
          std::span<std::uint8_t> out) {
    if (field >= type.fields.size()) throw std::invalid_argument("no such field");
    const std::size_t count = count_of(type, blocks.size());
    check(type, field, out.size(), count);
    type.fields[field].take(blocks.data(), out.data(), count);
}

void join(const Type& type, std::span<const std::span<const std::uint8_t>> fields,
          std::span<std::uint8_t> blocks) {
    const std::size_t count = check_all(type, fields, blocks.size());
    in_groups(type, count, [&](std::size_t first, std::size_t number) {
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const Field& field = type.fields[i];
            field.put(fields[i].data() + first * field.size, blocks.data() + first * type.size, number);
        }
    });
}

}  // namespace zipnn::blocks
