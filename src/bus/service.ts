/**
 * Services over any bus, in the shapes of NATS services (ADR-32): who serves answers `$SRV.PING`, `$SRV.INFO` and
 * `$SRV.STATS`, each also with `.NAME` and `.NAME.ID`; who looks for somebody asks there.
 */
import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Log } from "../log.ts";
import { Announcement } from "./announcement.ts";
import type { Bus, BusMessage, Subscription } from "./bus.ts";
import { failureOf } from "./service-error.ts";
import { atLeastOne } from "./subscription.ts";

export interface EndpointSpec {
	name: string;
	/** Where it listens. Default: `name` of the service, a dot, and its own. */
	subject?: string;
	/** Instances of one queue group share the requests. Default `q`. */
	queue?: string;
	/** What it returns is the answer; what it throws reaches the one who asked as an error with the same code. */
	handle(message: BusMessage): Json | undefined | Promise<Json | undefined>;
}

export interface ServiceSpec {
	/** Letters, digits, dash and underscore. */
	name: string;
	/** Semantic version. */
	version: string;
	description?: string;
	metadata?: { readonly [name: string]: string };
	/** What it can be found by. Default: the names of its endpoints. */
	capabilities?: readonly string[];
	endpoints: readonly EndpointSpec[];
	/** Requests handled at a time. Default 100; what is more waits, within the bounds of a subscription. */
	concurrency?: number;
	/** Ends it. */
	signal?: AbortSignal;
}

export interface EndpointStats {
	name: string;
	subject: string;
	queue_group: string;
	num_requests: number;
	num_errors: number;
	last_error: string;
	/** Nanoseconds. */
	processing_time: number;
	average_processing_time: number;
}

/** One that serves, in this process. */
export interface Service extends AsyncDisposable {
	readonly name: string;
	readonly id: string;
	stats(): EndpointStats[];
	/** Takes nothing new; resolves when what it has is answered. */
	stop(): Promise<void>;
}

export interface DiscoverQuery {
	/** Only those that have it. */
	capability?: string;
	/** Only those of this name. */
	name?: string;
	/** How long answers are waited for, where the bus does not know who is there. Default 1 second. */
	timeout?: Duration;
}

/** Somebody on the bus. */
export interface Found {
	name: string;
	id: string;
	version: string;
	description: string;
	capabilities: string[];
	metadata: { [name: string]: string };
	endpoints: { name: string; subject: string }[];
}

export interface ServiceWorld {
	clock: Clock;
	log: Log;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const VERSION = /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]{1,64})?$/;
const MAX_ENDPOINTS = 100;
const CONCURRENCY = 100;

/** @throws E_INPUT_INVALID */
export function serve(bus: Bus, spec: ServiceSpec, world: ServiceWorld): Service {
	checkSpec(spec);
	const { name, version, description = "", metadata = {}, endpoints, concurrency = CONCURRENCY } = spec;
	const id = world.clock.randomHex(8);
	const limit = new Limit(atLeastOne(concurrency, 10_000, "concurrency"));
	const served: Endpoint[] = [];
	const capabilities = spec.capabilities ?? endpoints.map((endpoint) => endpoint.name);
	let announcement: Announcement | undefined;
	try {
		for (const endpoint of endpoints) served.push(new Endpoint(bus, endpoint, { service: name, limit, ...world }));
		announcement = new Announcement(bus, name, id, world, () => [
			{
				...{ name, id, version, description, startedAt },
				metadata: { ...metadata, capabilities: joinCapabilities(capabilities) },
				endpoints: served.map(({ info }) => info),
				stats: served.map((endpoint) => endpoint.stats()),
			},
		]);
	} catch (error) {
		for (const endpoint of served) endpoint.end();
		throw error;
	}
	const startedAt = world.clock.now();
	const stop = async (): Promise<void> => {
		spec.signal?.removeEventListener("abort", abort);
		announcement.end();
		await Promise.all(served.map((endpoint) => endpoint.drain()));
	};
	const abort = (): void => void stop();
	if (spec.signal?.aborted) abort();
	else spec.signal?.addEventListener("abort", abort, { once: true });
	return { name, id, stats: () => served.map((endpoint) => endpoint.stats()), stop, [Symbol.asyncDispose]: stop };
}

/** Whoever answers, in the order of their names. @throws E_INPUT_INVALID */
export async function discover(bus: Bus, { capability, name, timeout = "1s" }: DiscoverQuery = {}): Promise<Found[]> {
	if (name !== undefined && !NAME.test(name)) throw invalid(`"${name}" cannot be the name of a service`);
	const answers = await bus.requestMany(name === undefined ? "$SRV.INFO" : `$SRV.INFO.${name}`, null, { timeout });
	return answers
		.flatMap((answer) => readInfo(answer.data) ?? [])
		.filter((found) => capability === undefined || found.capabilities.includes(capability))
		.sort((a, b) => compare(a.name, b.name) || compare(a.metadata.agent ?? a.id, b.metadata.agent ?? b.id));
}

/** Names may hold commas. */
export const joinCapabilities = (capabilities: readonly string[]): string =>
	capabilities.map((name) => name.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");

const splitCapabilities = (text: string): string[] =>
	text === "" ? [] : text.split(",").map((name) => name.replaceAll("%2C", ",").replaceAll("%25", "%"));

/** Undefined for an answer that is none: anybody may answer. */
function readInfo(data: Json): Found | undefined {
	if (typeof data !== "object" || data === null || Array.isArray(data)) return undefined;
	const { type, name, id, version, description, metadata, endpoints } = data;
	if (type !== "io.nats.micro.v1.info_response" || typeof name !== "string" || typeof id !== "string") return undefined;
	const texts = Object.entries(metadata ?? {}).filter(
		(entry): entry is [string, string] => typeof entry[1] === "string",
	);
	const known = Object.fromEntries(texts);
	const places = (Array.isArray(endpoints) ? endpoints : []).flatMap((endpoint) => {
		const { name: its, subject } = (endpoint ?? {}) as { name?: Json; subject?: Json };
		return typeof its === "string" && typeof subject === "string" ? [{ name: its, subject }] : [];
	});
	return {
		...{ name, id, version: String(version), description: typeof description === "string" ? description : "" },
		capabilities:
			known.capabilities === undefined ? places.map((place) => place.name) : splitCapabilities(known.capabilities),
		metadata: known,
		endpoints: places,
	};
}

class Endpoint {
	readonly info: { name: string; subject: string; queue_group: string };
	readonly #spec: EndpointSpec;
	readonly #subscription: Subscription;
	readonly #limit: Limit;
	readonly #world: ServiceWorld;
	readonly #over: Promise<void>;
	#requests = 0;
	#errors = 0;
	#lastError = "";
	#busyMs = 0;

	constructor(bus: Bus, spec: EndpointSpec, world: ServiceWorld & { service: string; limit: Limit }) {
		const { name, subject = `${world.service}.${name}`, queue = "q" } = spec;
		this.info = { name, subject, queue_group: queue };
		this.#spec = spec;
		this.#limit = world.limit;
		this.#world = world;
		this.#subscription = bus.subscribe(subject, { queue });
		this.#over = this.#serve();
	}

	stats(): EndpointStats {
		const average = this.#requests === 0 ? 0 : this.#busyMs / this.#requests;
		return {
			...this.info,
			...{ num_requests: this.#requests, num_errors: this.#errors, last_error: this.#lastError },
			...{ processing_time: Math.round(this.#busyMs * 1e6), average_processing_time: Math.round(average * 1e6) },
		};
	}

	end(): void {
		this.#subscription.unsubscribe();
	}

	async drain(): Promise<void> {
		await this.#subscription.drain();
		await this.#over;
	}

	/** Never rejects: what a handler throws is its answer. */
	async #serve(): Promise<void> {
		const handling = new Set<Promise<void>>();
		for await (const message of this.#subscription) {
			await this.#limit.enter();
			const handled = this.#handle(message).finally(() => {
				this.#limit.leave();
				handling.delete(handled);
			});
			handling.add(handled);
		}
		await Promise.all(handling);
	}

	async #handle(message: BusMessage): Promise<void> {
		const { clock, log } = this.#world;
		const started = clock.monotonic();
		this.#requests++;
		try {
			message.respond((await this.#spec.handle(message)) ?? null);
		} catch (thrown) {
			const { text, status, headers } = failureOf(thrown);
			this.#errors++;
			this.#lastError = `${status}:${text}`;
			try {
				message.respond(null, { headers });
			} catch (error) {
				log.warn("an answer was not sent", { subject: message.subject, error: toErrorData(error).message });
			}
		} finally {
			this.#busyMs += clock.monotonic() - started;
		}
	}
}

/** So many at a time. */
class Limit {
	#free: number;
	readonly #waiting: (() => void)[] = [];

	constructor(most: number) {
		this.#free = most;
	}

	enter(): Promise<void> {
		if (this.#free > 0) {
			this.#free--;
			return Promise.resolve();
		}
		return new Promise((resolve) => this.#waiting.push(resolve));
	}

	leave(): void {
		const next = this.#waiting.shift();
		if (next === undefined) this.#free++;
		else next();
	}
}

function checkSpec({ name, version, endpoints, metadata = {} }: ServiceSpec): void {
	if (!NAME.test(name)) throw invalid(`"${name}" cannot be the name of a service`);
	if (!VERSION.test(version)) throw invalid(`"${version}" is no version such as 1.2.3`);
	if (endpoints.length > MAX_ENDPOINTS) throw invalid(`a service has at most ${MAX_ENDPOINTS} endpoints`);
	for (const { name: endpoint } of endpoints) {
		if (!NAME.test(endpoint)) throw invalid(`"${endpoint}" cannot be the name of an endpoint`);
	}
	for (const [key, value] of Object.entries(metadata)) {
		if (typeof value !== "string") throw invalid(`metadata.${key} is no text`);
	}
}

const invalid = (message: string): MusterError =>
	new MusterError("E_INPUT_INVALID", message, {
		hint: "Names are letters, digits, dashes and underscores, at most 64.",
	});

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
