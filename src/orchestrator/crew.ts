/** Agents come and go: started within a limit, drained before they leave, stopped with the orchestrator. */
import type { BaseAgent } from "../agent/base-agent.ts";
import type { Clock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Registry, Seat } from "../scheduler/registry.ts";

/** Agents are told to stop and have this long for it; then they are left. */
const STOP_MS = 2_000;

export class Crew {
	readonly #registry: Registry;
	readonly #dispatcher: Dispatcher;
	readonly #clock: Clock;
	readonly #log: Log;
	readonly #startMs: number;

	/** @param parts.startMs longest start of an agent; one that takes longer is unhealthy until it says that it lives */
	constructor(parts: { registry: Registry; dispatcher: Dispatcher; clock: Clock; log: Log; startMs: number }) {
		this.#registry = parts.registry;
		this.#dispatcher = parts.dispatcher;
		this.#clock = parts.clock;
		this.#log = parts.log;
		this.#startMs = parts.startMs;
	}

	/** @throws E_CONFLICT when the name is taken */
	async add(agent: BaseAgent): Promise<void> {
		const seat = this.#registry.add(agent);
		try {
			await this.#within(this.#startMs, agent.start(), `${agent.name} took longer than the lease to start`);
			if (seat.state !== "initializing") return; // removed or stopped meanwhile
			this.#registry.setState(seat, "ready");
			this.#dispatcher.pump();
		} catch (error) {
			if (seat.state !== "initializing") return;
			this.#registry.setState(seat, "unhealthy");
			this.#dispatcher.watchLife();
			this.#log.warn("the agent cannot work yet", { agent: agent.name, error: toErrorData(error).message });
		}
	}

	/** @throws E_AGENT_UNKNOWN */
	async remove(name: string): Promise<void> {
		const seat = this.#registry.get(name);
		if (seat === undefined) throw new MusterError("E_AGENT_UNKNOWN", `there is no agent "${name}"`);
		await this.#dispatcher.drain(seat);
		this.#registry.remove(seat);
		await this.#stopOne(seat);
	}

	async stop(): Promise<void> {
		await Promise.all([...this.#registry.seats].map((seat) => this.#stopOne(seat)));
	}

	async #stopOne(seat: Seat): Promise<void> {
		this.#registry.setState(seat, "stopped");
		try {
			await this.#within(STOP_MS, seat.performer.stop(), `${seat.name} took longer than ${STOP_MS} ms to stop`);
		} catch (error) {
			this.#log.warn("the agent did not stop cleanly", { agent: seat.name, error: toErrorData(error).message });
		}
	}

	/** The work, or an error once this long has passed without its end. */
	async #within(limitMs: number, work: Promise<void>, late: string): Promise<void> {
		const { promise, reject } = Promise.withResolvers<never>();
		const forget = this.#clock.after(limitMs, () => reject(new MusterError("E_AGENT_LOST", late)));
		try {
			await Promise.race([work, promise]);
		} finally {
			forget();
		}
	}
}
