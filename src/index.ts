/** The public names of muster-agents. */
export { type AgentOptions, BaseAgent } from "./agent/base-agent.ts";
export { type CoordinateInput, CoordinatorAgent, FanOutCoordinator } from "./agent/coordinator-agent.ts";
export {
	DebateCoordinator,
	type DebateOptions,
	type DebateResult,
	type JudgeInput,
	type Turn,
	type TurnInput,
} from "./agent/coordinators/debate.ts";
export type { Delegate } from "./agent/coordinators/delegate.ts";
export type { FailurePolicy, MissingPart } from "./agent/coordinators/failure-policy.ts";
export {
	MapReduceCoordinator,
	type MapReduceOptions,
	type MapReduceResult,
} from "./agent/coordinators/map-reduce.ts";
export { PipelineCoordinator, type PipelineOptions, type PipelineResult } from "./agent/coordinators/pipeline.ts";
export {
	QuorumVoteCoordinator,
	type QuorumVoteOptions,
	type VoteOutcome,
	type VoteResult,
} from "./agent/coordinators/quorum-vote.ts";
export { type CoordinatorOptions, type Rounds, RoundsCoordinator } from "./agent/coordinators/rounds.ts";
export {
	type ResultCheck,
	type SupervisedPart,
	type SupervisedTry,
	SupervisorCoordinator,
	type SupervisorOptions,
	type SupervisorResult,
} from "./agent/coordinators/supervisor.ts";
export { type Driver, SpecializedAgent, type SpecializedOptions } from "./agent/specialized-agent.ts";
export { WorkerAgent, type WorkerOptions } from "./agent/worker-agent.ts";
export type {
	BusMessage,
	BusStats,
	Headers,
	PublishOptions,
	RequestManyOptions,
	RequestOptions,
	SubscribeOptions,
	Subscription,
} from "./bus/bus.ts";
export type { MessageBus } from "./bus/message-bus.ts";
export type { DiscoverQuery, EndpointSpec, EndpointStats, Found, Service, ServiceSpec } from "./bus/service.ts";
export type {
	Appended,
	AppendOptions,
	ConsumeOptions,
	ConsumerInfo,
	Consumption,
	DeadLetter,
	ReadOptions,
	StoredMessage,
	StreamDelivery,
	StreamInfo,
	StreamSpec,
	Streams,
} from "./bus/stream.ts";
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
export type { Activity, ActivityQuery } from "./orchestrator/activity.ts";
export type { HistoryPage, HistoryQuery } from "./orchestrator/history.ts";
export type { Orchestrator } from "./orchestrator/orchestrator.ts";
export type { Page } from "./orchestrator/page.ts";
export type { DeadFilter, PauseView, RetriedDead } from "./orchestrator/queue-controls.ts";
export type { DeadLetterOptions, RunQuery, TaskQuery } from "./orchestrator/reader.ts";
export type { RerunOptions, StartRunOptions } from "./orchestrator/runs.ts";
export type { ScheduleSpec, ScheduleView } from "./orchestrator/schedules.ts";
export type { PauseScope } from "./orchestrator/scope.ts";
export type { Status } from "./orchestrator/status.ts";
export type { AgentView, RunView, StepView, TaskView } from "./orchestrator/view.ts";
export type { AnswerOptions, ApprovalView, EventSpec } from "./orchestrator/waits.ts";
export { type Assignment, Delegation } from "./scheduler/performer.ts";
export {
	type AnySkill,
	type ArtifactRef,
	type ArtifactStore,
	type ChildResult,
	defineSkill,
	type Effect,
	isArtifactRef,
	type Question,
	type QuestionAnswer,
	type Skill,
	type SkillBus,
	type SkillContext,
} from "./skill/skill.ts";
export type { ConcurrencySpec, RateSpec, RetrySpec, TaskSpec } from "./task/spec.ts";
export type { Priority, TaskState } from "./task/task.ts";
export {
	type AftermathScope,
	defineWorkflow,
	type TriggerOptions,
	type WorkflowBuilder,
	type WorkflowOptions,
} from "./workflow/builder.ts";
export type { WorkflowDefinition } from "./workflow/definition.ts";
export type { Ref, Reference, Templated, Untyped } from "./workflow/reference.ts";
export { expr, text } from "./workflow/reference-text.ts";
export type { RunState } from "./workflow/run.ts";
export type { StepChain, StepScope } from "./workflow/step-chain.ts";
export type { Scope } from "./workflow/step-options.ts";
export { type BuiltWorkflow, subWorkflow, task, use, type Work } from "./workflow/work.ts";
export { parseWorkflow } from "./workflow/yaml.ts";
