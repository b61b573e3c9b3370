#!/bin/sh
# Cargo calls this as `rustc-wrapper.sh <rustc> <args...>`. Flags for the one crate qdrant-edge:
# - 0.9.0 uses std::debug_assert_matches, which rustc 1.95 has but still guards by the feature
#   `assert_matches` (stable from 1.96): enable that one library feature.
# - At opt-level 1 rustc would call the generic functions its dependencies happen to have compiled,
#   some of them without optimization: make it compile its own (searches took twice as long).
# - Without its thin link-time pass it compiles in four fifths of the time, and searches as fast.
case " $* " in
*" --crate-name qdrant_edge "*)
	RUSTC_BOOTSTRAP=1 exec "$@" '-Zcrate-attr=feature(assert_matches)' -Zshare-generics=no -Clto=off
	;;
esac
exec "$@"
