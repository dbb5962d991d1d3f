/** The bus as a skill has it: for as long as its attempt lasts, and each use is a sign that it is active. */
import type { Bus, BusMessage, RequestManyOptions, SubscribeOptions, Subscription } from "../bus/bus.ts";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { SkillBus } from "../skill/skill.ts";

export class AttemptBus implements SkillBus {
	readonly streams: SkillBus["streams"];
	readonly #bus: Bus;
	readonly #signal: () => AbortSignal;
	readonly #active: () => void;
	readonly #subscriptions = new Set<Subscription>();
	#over = false;

	/** @param signal the attempt's, made when it is asked for */
	constructor(bus: Bus, signal: () => AbortSignal, active: () => void) {
		this.#bus = bus;
		this.#signal = signal;
		this.#active = active;
		this.streams = {
			append: async (...args) => {
				this.#check();
				return bus.streams.append(...args);
			},
		};
	}

	publish(...args: Parameters<Bus["publish"]>): void {
		this.#check();
		this.#bus.publish(...args);
	}

	subscribe(subject: string, options: SubscribeOptions = {}): Subscription {
		this.#check();
		const subscription = this.#bus.subscribe(subject, { ...options, signal: this.#both(options.signal) });
		this.#subscriptions.add(subscription);
		return subscription;
	}

	async request(subject: string, data: Json, options: RequestManyOptions = {}): Promise<BusMessage> {
		this.#check();
		return this.#bus.request(subject, data, { ...options, signal: this.#both(options.signal) });
	}

	async requestMany(subject: string, data: Json, options: RequestManyOptions = {}): Promise<BusMessage[]> {
		this.#check();
		return this.#bus.requestMany(subject, data, { ...options, signal: this.#both(options.signal) });
	}

	/** The attempt is over, and so is all that it listens to. */
	end(): void {
		this.#over = true;
		for (const subscription of this.#subscriptions) subscription.unsubscribe();
		this.#subscriptions.clear();
	}

	#check(): void {
		this.#signal().throwIfAborted();
		if (this.#over) throw new MusterError("E_CANCELLED", "the attempt is over; its bus is closed");
		this.#active();
	}

	#both(signal: AbortSignal | undefined): AbortSignal {
		return signal === undefined ? this.#signal() : AbortSignal.any([this.#signal(), signal]);
	}
}
