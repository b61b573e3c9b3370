#!/bin/sh
# Cargo calls this as `rustc-wrapper.sh <rustc> <args...>`.
# qdrant-edge 0.9.0 uses std::debug_assert_matches, which rustc 1.95 has but still guards by the
# feature `assert_matches` (stable from 1.96). Enable that one library feature, for that one crate.
case " $* " in
*" --crate-name qdrant_edge "*)
	RUSTC_BOOTSTRAP=1 exec "$@" '-Zcrate-attr=feature(assert_matches)'
	;;
esac
exec "$@"
