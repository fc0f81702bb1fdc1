import type { ConfState, NodeId } from "../../engine/raft/types.js";
import { nodeId } from "../../engine/raft/types.js";
import { keyedValues, truthValue, wholeNumber } from "./arguments.js";
import type { Argument } from "./datadriven.js";
import { quoted } from "./quoted.js";
import type { Bootstrap } from "./scenario-cluster.js";
import { CommandError, ScenarioError } from "./scenario-errors.js";
import type { NodeOptions } from "./scenario-node.js";
import { DEFAULT_NODE_OPTIONS } from "./scenario-node.js";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What `add-nodes` says about the nodes, `args` being those after their number. */
export function parseNodeOptions(args: readonly Argument[]): { options: NodeOptions; bootstrap: Bootstrap } {
  const options: Writable<NodeOptions> = { ...DEFAULT_NODE_OPTIONS };
  const voters: NodeId[] = [];
  const learners: NodeId[] = [];
  let index = 0;
  let content = "";
  for (const [key, value] of keyedValues(args)) {
    switch (key) {
      case "voters":
        voters.push(nodeId(wholeNumber(value)));
        break;
      case "learners":
        learners.push(nodeId(wholeNumber(value)));
        break;
      case "index":
        index = wholeNumber(value);
        break;
      case "content":
        content = value;
        break;
      case "inflight":
        options.inflightLimits = { ...options.inflightLimits, countMax: wholeNumber(value) };
        break;
      case "async-storage-writes":
        options.asyncStorageWrites = truthValue(value);
        break;
      case "prevote":
        options.preVote = truthValue(value);
        break;
      case "checkquorum":
        options.checkQuorum = truthValue(value);
        break;
      case "max-committed-size-per-ready":
        options.committedBytesPerReadyMax = wholeNumber(value);
        break;
      case "disable-conf-change-validation":
        options.disableConfChangeValidation = truthValue(value);
        break;
      case "read-only":
        options.readOnly = parseReadOnly(value);
        break;
      case "step-down-on-removal":
        options.stepDownOnRemoval = truthValue(value);
        break;
      default:
        throw new ScenarioError(`add-nodes has no option ${key}`);
    }
  }
  return {
    options,
    bootstrap: { index, confState: confStateOf(voters, learners), payload: Buffer.from(content) },
  };
}

function confStateOf(voters: readonly NodeId[], learners: readonly NodeId[]): ConfState {
  const ascending = (ids: readonly NodeId[]): NodeId[] => ids.toSorted((a, b) => a - b);
  return {
    voters: ascending(voters),
    votersOutgoing: [],
    learners: ascending(learners),
    learnersNext: [],
    autoLeave: false,
  };
}

function parseReadOnly(value: string): NodeOptions["readOnly"] {
  if (value === "safe") return "safe";
  if (value === "lease-based") return "leaseBased";
  throw new CommandError(`invalid read-only option ${quoted(value)}`);
}
