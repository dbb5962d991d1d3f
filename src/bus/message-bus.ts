/** What a user has in hand: a bus, whichever it is, with services and discovery. */
import type { Bus, BusMessage, BusStats, Subscription } from "./bus.ts";
import {
	type DiscoverQuery,
	discover,
	type Found,
	type Service,
	type ServiceSpec,
	type ServiceWorld,
	serve,
} from "./service.ts";
import type { Streams } from "./stream.ts";

export class MessageBus implements Bus {
	readonly streams: Streams;
	readonly #bus: Bus;
	readonly #world: ServiceWorld;

	constructor(bus: Bus, world: ServiceWorld) {
		this.#bus = bus;
		this.#world = world;
		this.streams = bus.streams;
	}

	publish(...args: Parameters<Bus["publish"]>): void {
		this.#bus.publish(...args);
	}

	subscribe(...args: Parameters<Bus["subscribe"]>): Subscription {
		return this.#bus.subscribe(...args);
	}

	request(...args: Parameters<Bus["request"]>): Promise<BusMessage> {
		return this.#bus.request(...args);
	}

	requestMany(...args: Parameters<Bus["requestMany"]>): Promise<BusMessage[]> {
		return this.#bus.requestMany(...args);
	}

	stats(): BusStats {
		return this.#bus.stats();
	}

	/** Answers requests and can be found. @throws E_INPUT_INVALID */
	serve(spec: ServiceSpec): Service {
		return serve(this.#bus, spec, this.#world);
	}

	/** Services and agents, by what they can do. @throws E_INPUT_INVALID */
	discover(query?: DiscoverQuery): Promise<Found[]> {
		return discover(this.#bus, query);
	}
}
