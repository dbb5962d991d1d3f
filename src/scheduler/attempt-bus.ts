/** The bus as a skill has it: for as long as its attempt lasts, and each use is a sign that it is active. */
import type {
	Bus,
	BusMessage,
	RequestManyOptions,
	RequestOptions,
	SubscribeOptions,
	Subscription,
} from "../bus/bus.ts";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { SkillBus } from "../skill/skill.ts";

export class AttemptBus implements SkillBus {
	readonly streams: SkillBus["streams"];
	readonly #bus: Bus;
	readonly #active: () => void;
	readonly #over = new AbortController();
	/** The attempt was aborted or is over. */
	readonly #signal: AbortSignal;

	constructor(bus: Bus, attempt: AbortSignal, active: () => void) {
		this.#bus = bus;
		this.#active = active;
		this.#signal = AbortSignal.any([attempt, this.#over.signal]);
		this.streams = { append: (...args) => this.#handled(() => bus.streams.append(...args)) };
	}

	publish(...args: Parameters<Bus["publish"]>): void {
		this.#check();
		this.#bus.publish(...args);
	}

	subscribe(subject: string, options: SubscribeOptions = {}): Subscription {
		this.#check();
		return this.#bus.subscribe(subject, { ...options, signal: this.#both(options.signal) });
	}

	request(subject: string, data: Json, options: RequestOptions = {}): Promise<BusMessage> {
		return this.#handled(() => this.#bus.request(subject, data, { ...options, signal: this.#both(options.signal) }));
	}

	requestMany(subject: string, data: Json, options: RequestManyOptions = {}): Promise<BusMessage[]> {
		return this.#handled(() =>
			this.#bus.requestMany(subject, data, { ...options, signal: this.#both(options.signal) }),
		);
	}

	/** The attempt is over, and so is all that it listens to and waits for. */
	end(): void {
		this.#over.abort(new MusterError("E_CANCELLED", "the attempt is over, and its bus with it"));
	}

	/** A skill may let go of what it has begun: that it fails then is nobody's business. */
	#handled<T>(begin: () => Promise<T>): Promise<T> {
		const begun = (async () => {
			this.#check();
			return begin();
		})();
		begun.catch(() => undefined);
		return begun;
	}

	#check(): void {
		this.#signal.throwIfAborted();
		this.#active();
	}

	#both(signal: AbortSignal | undefined): AbortSignal {
		return signal === undefined ? this.#signal : AbortSignal.any([this.#signal, signal]);
	}
}
