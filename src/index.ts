/** The public names of muster-agents. */
export { type AgentOptions, BaseAgent } from "./agent/base-agent.ts";
export { type CoordinateInput, CoordinatorAgent, FanOutCoordinator } from "./agent/coordinator-agent.ts";
export { type Driver, SpecializedAgent, type SpecializedOptions } from "./agent/specialized-agent.ts";
export { WorkerAgent, type WorkerOptions } from "./agent/worker-agent.ts";
export { type Clock, HandClock, systemClock } from "./clock.ts";
export type { Duration } from "./duration.ts";
export {
	type ErrorCode,
	type ErrorData,
	errorTable,
	hasCode,
	MusterError,
	RetryableError,
	TerminalError,
} from "./errors.ts";
export type { Event, StoredEvent } from "./events.ts";
export type { Json } from "./json.ts";
export type { Log } from "./log.ts";
export { type StartOptions, startOrchestrator } from "./main.ts";
export type { Orchestrator } from "./orchestrator/orchestrator.ts";
export type { Status } from "./orchestrator/status.ts";
export type { AgentView, RunView, StepView, TaskView } from "./orchestrator/view.ts";
export { type Assignment, Delegation } from "./scheduler/performer.ts";
export {
	type AnySkill,
	type ArtifactRef,
	type ArtifactStore,
	type ChildResult,
	defineSkill,
	type Effect,
	isArtifactRef,
	type Skill,
	type SkillContext,
} from "./skill/skill.ts";
export type { RetrySpec, TaskSpec } from "./task/spec.ts";
export type { Priority, TaskState } from "./task/task.ts";
export type { WorkflowDefinition } from "./workflow/definition.ts";
export { parseWorkflow } from "./workflow/yaml.ts";
