// SPDX-License-Identifier: MIT
#include "deflate/prefix_code.hpp"

#include <algorithm>
#include <array>

#include "deflate/alphabets.hpp"

namespace zipnn::deflate {
namespace {

/// A symbol, or the pair of two nodes. Which nodes are paired depends on order among equals too.
struct Node {
    std::uint32_t count;
    std::uint8_t height;
    bool is_symbol;
    std::uint16_t symbol;
    std::uint16_t parent;
    std::uint8_t depth;

    bool before(const Node& other) const {
        return count < other.count || (count == other.count && height <= other.height);
    }
};

/// A heap of nodes by number, the first one on top. Nodes that are equal in count and height come out in
/// the order that the heap's layout gives, so the layout is part of the result: entry i is above
/// entries 2i and 2i+1, of two equals below the second one is taken, and an entry that equals the one
/// below it stays.
class Heap {
  public:
    explicit Heap(const std::vector<Node>& nodes) : nodes_(nodes), entries_(1) {
        for (std::size_t i = 0; i < nodes.size(); ++i) entries_.push_back(static_cast<std::uint16_t>(i));
        for (std::size_t i = size() / 2; i >= 1; --i) sift(i);
    }

    std::size_t size() const { return entries_.size() - 1; }
    std::uint16_t top() const { return entries_[1]; }

    std::uint16_t pop() {
        const std::uint16_t first = top();
        entries_[1] = entries_.back();
        entries_.pop_back();
        if (size() != 0) sift(1);
        return first;
    }

    void replace_top(std::uint16_t node) {
        entries_[1] = node;
        sift(1);
    }

  private:
    void sift(std::size_t at) {
        const std::uint16_t moving = entries_[at];
        for (std::size_t below = 2 * at; below <= size(); below = 2 * at) {
            if (below < size() && nodes_[entries_[below + 1]].before(nodes_[entries_[below]])) ++below;
            if (nodes_[moving].before(nodes_[entries_[below]])) break;
            entries_[at] = entries_[below];
            at = below;
        }
        entries_[at] = moving;
    }

    const std::vector<Node>& nodes_;
    std::vector<std::uint16_t> entries_;
};

/// The symbols that have a count, and more, lowest first, so that there are two.
std::vector<Node> leaves(std::span<const std::uint32_t> counts) {
    std::vector<Node> nodes;
    const auto add = [&](std::size_t symbol, std::uint32_t count) {
        nodes.push_back({count, 0, true, static_cast<std::uint16_t>(symbol), 0, 0});
    };
    for (std::size_t symbol = 0; symbol < counts.size(); ++symbol)
        if (counts[symbol] != 0) add(symbol, counts[symbol]);
    // zlib takes symbol 0 where the only one lies above 1, and else the one after it.
    while (nodes.size() < 2) add(nodes.empty() || nodes[0].symbol >= 2 ? 0 : nodes[0].symbol + 1U, 1);
    return nodes;
}

/// Adds the pairs to the nodes and says in what order all of them left the heap, the root last.
std::vector<std::uint16_t> pair_up(std::vector<Node>& nodes) {
    std::vector<std::uint16_t> order;
    nodes.reserve(2 * nodes.size());
    Heap heap(nodes);
    while (heap.size() > 1) {
        const std::uint16_t first = heap.pop();
        const std::uint16_t second = heap.top();
        const auto pair = static_cast<std::uint16_t>(nodes.size());
        const auto height =
            static_cast<std::uint8_t>(std::max(nodes[first].height, nodes[second].height) + 1);
        nodes.push_back({nodes[first].count + nodes[second].count, height, false, 0, 0, 0});
        nodes[first].parent = nodes[second].parent = pair;
        order.insert(order.end(), {first, second});
        heap.replace_top(pair);
    }
    order.push_back(heap.top());
    return order;
}

/// Depths of the nodes, cut at `max_bits`. Where some were cut, the lengths that the code needs to fit are
/// dealt out anew, the longest to those that left the heap first.
void limit_depths(std::vector<Node>& nodes, std::span<const std::uint16_t> order, unsigned max_bits) {
    std::array<unsigned, max_code_bits + 1> with{};  // symbols by depth
    unsigned cut = 0;                                // nodes, pairs included
    for (auto i = order.rbegin() + 1; i != order.rend(); ++i) {
        Node& node = nodes[*i];
        const unsigned depth = nodes[node.parent].depth + 1U;
        if (depth > max_bits) ++cut;
        node.depth = static_cast<std::uint8_t>(std::min(depth, max_bits));
        if (node.is_symbol) ++with[node.depth];
    }
    if (cut == 0) return;
    // Each step hangs a symbol of less than full depth one lower, beside one of those that were cut.
    for (int left = static_cast<int>(cut); left > 0; left -= 2) {
        unsigned depth = max_bits - 1;
        while (with[depth] == 0) --depth;
        --with[depth];
        with[depth + 1] += 2;
        --with[max_bits];
    }
    unsigned depth = max_bits;
    for (const std::uint16_t i : order) {
        if (!nodes[i].is_symbol) continue;
        while (with[depth] == 0) --depth;
        nodes[i].depth = static_cast<std::uint8_t>(depth);
        --with[depth];
    }
}

std::uint16_t reversed(unsigned code, unsigned length) {
    unsigned result = 0;
    for (unsigned i = 0; i < length; ++i) result |= (code >> i & 1U) << (length - 1 - i);
    return static_cast<std::uint16_t>(result);
}

}  // namespace

std::vector<std::uint8_t> code_lengths(std::span<const std::uint32_t> counts, unsigned max_bits) {
    std::vector<Node> nodes = leaves(counts);
    const auto order = pair_up(nodes);
    limit_depths(nodes, order, max_bits);
    std::vector<std::uint8_t> lengths;
    for (const Node& node : nodes) {
        if (!node.is_symbol) continue;
        if (node.symbol >= lengths.size()) lengths.resize(node.symbol + std::size_t{1});
        lengths[node.symbol] = node.depth;
    }
    return lengths;
}

std::vector<CodeWord> canonical_code(std::span<const std::uint8_t> lengths, std::size_t symbols) {
    std::array<unsigned, max_code_bits + 2> next{};  // code word by length
    for (const std::uint8_t length : lengths)
        if (length != 0) ++next[length + std::size_t{1}];
    for (std::size_t length = 1; length < next.size(); ++length)
        next[length] = (next[length] + next[length - 1]) << 1;
    std::vector<CodeWord> code(std::max(symbols, lengths.size()));
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
        const std::uint8_t length = lengths[symbol];
        if (length != 0) code[symbol] = {reversed(next[length]++, length), length};
    }
    return code;
}

}  // namespace zipnn::deflate
