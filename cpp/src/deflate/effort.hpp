// SPDX-License-Identifier: MIT
#pragma once

namespace zipnn::deflate {

/// How hard a level looks for matches.
struct Effort {
    bool greedy;          ///< take each match at once, not only if the next place has no longer one
    unsigned good;        ///< with a match this long in hand, look at a quarter of the candidates
    unsigned patience;    ///< lazy: with a match this long, do not look for a better one;
                          ///< greedy: in a match longer than this, places are no candidates
    unsigned nice;        ///< a match this long ends the search
    unsigned candidates;  ///< at most so many are looked at
};

/// That of level 1 to 9.
const Effort& effort_of(int level);

}  // namespace zipnn::deflate
