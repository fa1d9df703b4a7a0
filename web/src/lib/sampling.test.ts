import { expect, it } from "vitest";
import type { SamplingDecision } from "../api/types";
import { why } from "./sampling";

const DROPPED: SamplingDecision = {
  state: "DROPPED",
  policy: null,
  reason: "no policy sampled it",
  early: null,
  decidedAt: null,
  ruleVersion: 3,
};

it.each([
  [null, "No span of it"],
  [DROPPED, "Tail sampling dropped it: no policy sampled it. The rule was version 3."],
  [{ ...DROPPED, early: "num_traces" }, "dropped it, early (num_traces): no policy"],
  [{ ...DROPPED, policy: "noise", reason: "dropped by a policy of type drop" }, 'type drop, "noise".'],
  [{ ...DROPPED, state: "PENDING" as const }, "waits for the verdict"],
  [{ ...DROPPED, state: "KEPT" as const }, "kept it"],
  [{ ...DROPPED, state: "UNSAMPLED" as const }, "nothing samples it"],
])("says why %#", (decision, text) => {
  expect(why(decision)).toContain(text);
});
