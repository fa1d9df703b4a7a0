import type { SamplingDecision } from "../api/types";

/** In a sentence, why a trace is not here. */
export function why(decision: SamplingDecision | null): string {
  switch (decision?.state) {
    case "DROPPED": {
      const early = decision.early ? `, early (${decision.early})` : "";
      const who = decision.policy ? `: ${decision.reason}, "${decision.policy}"` : `: ${decision.reason}`;
      return `Tail sampling dropped it${early}${who}. The rule was version ${decision.ruleVersion}.`;
    }
    case "PENDING":
      return "It waits for the verdict of tail sampling: look again in a moment.";
    case "KEPT":
      return "Tail sampling kept it. Its spans are on their way, or older than what is kept.";
    case "UNSAMPLED":
      return "It came, and nothing samples it. Its spans are on their way, or older than what is kept.";
    default:
      return "No span of it has come to a processor, or it is older than what is kept.";
  }
}
