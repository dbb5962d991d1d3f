/** The bus as it is answered: messages, streams, services. */
import { z } from "@hono/zod-openapi";
import type { BusMessage, BusStats } from "../../bus/bus.ts";
import type { Appended, ConsumerInfo, StoredMessage, StreamInfo, StreamSpec } from "../../bus/stream.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { count, exactly, json } from "./exactly.ts";
import { duration } from "./task-spec.ts";

/** Printable ASCII; tokens with dots between them, and none of the bus's own. */
const TOKENS = /^(?!_INBOX|\$)[!-)+\-,/-=?-~]+(\.[!-)+\-,/-=?-~]+)*$/;
export const subject = z.string().max(256).regex(TOKENS).openapi({ example: "orders.paid" });

/** `*` stands for one token, `>` at the end for the rest. */
export const pattern = z
	.string()
	.max(256)
	.regex(/^(?!_INBOX|\$)([A-Za-z0-9_:-]+|\*)(\.([A-Za-z0-9_:-]+|\*))*(\.>)?$/)
	.openapi({ description: "`*` stands for one token, `>` at the end for the rest.", example: "orders.>" });

export const streamName = z
	.string()
	.regex(/^[A-Za-z0-9_-]{1,64}$/)
	.openapi({ example: "orders" });

export const headers = z.record(z.string(), z.string());

export const stats = exactly<BusStats>()(
	z
		.strictObject({ subscriptions: count, published: count, delivered: count, dropped: count, unstored: count })
		.openapi("BusStats"),
);

const consumer = exactly<ConsumerInfo>()(
	z
		.strictObject({
			...{ name: z.string(), stream: z.string(), subject: z.string().optional() },
			...{ ackWaitMs: z.number(), maxDeliver: count, backoffMs: z.array(z.number()).optional(), maxAckPending: count },
			...{ ackFloor: count, ackPending: count, pending: count, deadLetters: count, deadLettersDropped: count },
		})
		.openapi("Consumer"),
);

export const stream = exactly<StreamInfo>()(
	z
		.strictObject({
			...{ name: z.string(), subjects: z.array(z.string()), createdAt: z.string() },
			...{ maxAgeMs: z.number().optional(), maxMessages: count, maxBytes: count, duplicateWindowMs: z.number() },
			...{ messages: count, bytes: count, firstSeq: count, lastSeq: count },
			consumers: z.array(consumer),
		})
		.openapi("Stream"),
);

export const streamSpec = exactly<StreamSpec>()(
	z
		.strictObject({
			name: streamName,
			subjects: z.array(pattern).min(1).max(64).readonly(),
			maxAge: duration.optional(),
			maxMessages: z.int().min(1).max(1_000_000).optional(),
			maxBytes: z.int().min(1_024).max(16_777_216).optional(),
			duplicateWindow: duration.optional(),
		})
		.openapi("StreamSpec", { example: { name: "orders", subjects: ["orders.>"] } }),
);

export const stored = exactly<StoredMessage>()(
	z
		.strictObject({
			...{ stream: z.string(), seq: count, subject: z.string(), data: json, headers },
			at: z.number().openapi({ description: "Milliseconds since 1970." }),
			messageId: z.string().optional(),
		})
		.openapi("StoredMessage"),
);

export const appended = exactly<Appended>()(
	z.strictObject({ stream: z.string(), seq: count, duplicate: z.boolean() }).openapi("Appended"),
);

export type Reply = Pick<BusMessage, "subject" | "data" | "headers">;

export const reply = exactly<Reply>()(z.strictObject({ subject: z.string(), data: json, headers }).openapi("Reply"));

export type Found = Awaited<ReturnType<Orchestrator["bus"]["discover"]>>[number];

export const found = exactly<Found>()(
	z
		.strictObject({
			...{ name: z.string(), id: z.string(), version: z.string(), description: z.string() },
			...{ capabilities: z.array(z.string()), metadata: z.record(z.string(), z.string()) },
			endpoints: z.array(z.strictObject({ name: z.string(), subject: z.string() })),
		})
		.openapi("Service"),
);
