/** Answers of those who can be found on the bus, one or many behind the same nine subscriptions; the shapes are ADR-32's. */
import type { Clock } from "../clock.ts";
import { toErrorData } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Log } from "../log.ts";
import type { Bus, BusMessage, Subscription } from "./bus.ts";

export interface Instance {
	name: string;
	/** Unique on the bus; one token. */
	id: string;
	version: string;
	description: string;
	metadata: { [name: string]: string };
	endpoints: object[];
	stats: object[];
	/** Wall clock, milliseconds. */
	startedAt: number;
}

const verbs = ["PING", "INFO", "STATS"] as const;

export class Announcement {
	readonly #subscriptions: Subscription[] = [];
	readonly #instances: () => Instance[];
	readonly #log: Log;

	/** @param id of the one that there is, or `*` when `instances` gives many */
	constructor(bus: Bus, name: string, id: string, world: { clock: Clock; log: Log }, instances: () => Instance[]) {
		this.#instances = instances;
		this.#log = world.log;
		for (const verb of verbs) {
			for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`]) {
				const subscription = bus.subscribe(subject);
				this.#subscriptions.push(subscription);
				void this.#answer(subscription, verb);
			}
		}
	}

	end(): void {
		for (const subscription of this.#subscriptions) subscription.unsubscribe();
	}

	/** Never rejects. */
	async #answer(subscription: Subscription, verb: (typeof verbs)[number]): Promise<void> {
		for await (const message of subscription) {
			try {
				answer(message, verb, this.#instances());
			} catch (error) {
				this.#log.warn("nobody was announced", { subject: message.subject, error: toErrorData(error).message });
			}
		}
	}
}

function answer(message: BusMessage, verb: (typeof verbs)[number], all: Instance[]): void {
	const [, , , id] = message.subject.split(".");
	const meant = id === undefined ? all : all.filter((instance) => instance.id === id);
	for (const [i, instance] of meant.entries()) {
		message.respond(shapes[verb](instance) as Json, { more: i < meant.length - 1 });
	}
}

const identity = ({ name, id, version, metadata }: Instance) => ({ name, id, version, metadata });

const shapes = {
	PING: (instance: Instance) => ({ type: "io.nats.micro.v1.ping_response", ...identity(instance) }),
	INFO: (instance: Instance) => ({
		type: "io.nats.micro.v1.info_response",
		...identity(instance),
		description: instance.description,
		endpoints: instance.endpoints,
	}),
	STATS: (instance: Instance) => ({
		type: "io.nats.micro.v1.stats_response",
		...identity(instance),
		started: new Date(instance.startedAt).toISOString(),
		endpoints: instance.stats,
	}),
};
