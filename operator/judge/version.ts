/** Version of the judging rules: stored with proposals, since the same history may be judged differently by another one. */
export const JUDGE_VERSION = '1';
