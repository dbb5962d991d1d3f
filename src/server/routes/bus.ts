/** The message bus from outside: messages, requests, durable streams, and who serves what. */
import { z } from "@hono/zod-openapi";
import { hasCode } from "../../errors.ts";
import { Refused } from "../problem.ts";
import { type Route, route } from "../route.ts";
import {
	appended,
	found,
	headers,
	pattern,
	reply,
	stats,
	stored,
	stream,
	streamName,
	streamSpec,
	subject,
} from "../schemas/bus.ts";
import { duration } from "../schemas/task-spec.ts";
import { LOCATION, limitOf, listOf, pageOf, word } from "./fields.ts";

const tag = "bus";
const byName = z.object({ name: streamName });

const statsRoute = route(
	{
		...{ name: "busStats", method: "get", path: "/v1/bus", role: "viewer", tag },
		summary: "What went over the bus since the start",
		answers: { 200: stats },
	},
	({ orchestrator }) => ({ status: 200, body: orchestrator.bus.stats() }),
);

const publish = route(
	{
		...{ name: "publish", method: "post", path: "/v1/bus/publish", role: "operator", tag },
		summary: "Publish a message to who listens now",
		description: "A hint, at most once. What must not be lost is appended to a stream.",
		subject: (body) => body.subject,
		body: z
			.strictObject({ subject, data: z.unknown().optional(), headers: headers.optional() })
			.openapi("Publish", { example: { subject: "orders.paid", data: { order: 17 } } }),
		answers: { 202: z.strictObject({ published: z.literal(true) }).openapi("Published") },
		problems: ["E_INPUT_INVALID", "E_INPUT_TOO_LARGE"],
	},
	({ orchestrator, body: { subject, data = null, headers } }) => {
		orchestrator.bus.publish(subject, data as never, headers === undefined ? {} : { headers });
		return { status: 202, body: { published: true as const } };
	},
);

const request = route(
	{
		...{ name: "request", method: "post", path: "/v1/bus/request", role: "operator", tag },
		summary: "Ask who listens on a subject, and answer with the first answer",
		subject: (body) => body.subject,
		body: z
			.strictObject({
				subject,
				data: z.unknown().optional(),
				headers: headers.optional(),
				timeout: duration.optional(),
			})
			.openapi("Request", { example: { subject: "prices.get", data: { sku: "A-1" }, timeout: "2s" } }),
		answers: { 200: reply },
		problems: ["E_INPUT_INVALID", "E_INPUT_TOO_LARGE", "E_WAIT_TIMEOUT", "E_SERVICE_FAILED"],
		also: { 404: ["E_NO_RESPONDERS"] },
	},
	async ({ orchestrator, body: { subject, data = null, headers, timeout }, context }) => {
		const options = {
			...(headers !== undefined && { headers }),
			...(timeout !== undefined && { timeout }),
			signal: context.req.raw.signal,
		};
		try {
			const {
				subject: from,
				data: answer,
				headers: sent,
			} = await orchestrator.bus.request(subject, data as never, options);
			return { status: 200, body: { subject: from, data: answer, headers: sent } };
		} catch (error) {
			// The server is well; what was asked for is not there.
			if (!hasCode(error, "E_NO_RESPONDERS")) throw error;
			throw new Refused(404, "E_NO_RESPONDERS", error.message, { hint: error.hint });
		}
	},
);

const services = route(
	{
		...{ name: "discover", method: "get", path: "/v1/bus/services", role: "viewer", tag },
		summary: "Services and agents on the bus, by what they can do",
		query: z.strictObject({
			capability: word.optional(),
			name: z
				.string()
				.regex(/^[A-Za-z0-9_-]{1,64}$/)
				.optional(),
		}),
		answers: { 200: listOf(found, "Service") },
		problems: ["E_INPUT_INVALID"],
	},
	async ({ orchestrator, query: { capability, name } }) => {
		const wanted = { ...(capability !== undefined && { capability }), ...(name !== undefined && { name }) };
		return { status: 200, body: { items: await orchestrator.bus.discover(wanted) } };
	},
);

const streams = route(
	{
		...{ name: "streams", method: "get", path: "/v1/bus/streams", role: "viewer", tag },
		summary: "Durable streams with their consumers",
		answers: { 200: listOf(stream, "Stream") },
		etag: true,
	},
	async ({ orchestrator }) => ({ status: 200, body: { items: await orchestrator.bus.streams.list() } }),
);

const createStream = route(
	{
		...{ name: "createStream", method: "post", path: "/v1/bus/streams", role: "operator", tag },
		summary: "Create a durable stream",
		description: "Does nothing when it is there with the same settings.",
		body: streamSpec,
		answers: { 201: stream },
		sends: LOCATION,
		problems: ["E_INPUT_INVALID", "E_CONFLICT", "E_BUS_FULL", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body }) => {
		const info = await orchestrator.bus.streams.create(body);
		return { status: 201, body: info, headers: { location: `/v1/bus/streams/${encodeURIComponent(info.name)}` } };
	},
);

const oneStream = route(
	{
		...{ name: "stream", method: "get", path: "/v1/bus/streams/{name}", role: "viewer", tag },
		summary: "One stream",
		params: byName,
		answers: { 200: stream },
		problems: ["E_STREAM_UNKNOWN"],
		etag: true,
	},
	async ({ orchestrator, params: { name } }) => ({ status: 200, body: await orchestrator.bus.streams.info(name) }),
);

const deleteStream = route(
	{
		...{ name: "deleteStream", method: "delete", path: "/v1/bus/streams/{name}", role: "operator", tag },
		summary: "Delete a stream with its messages and consumers",
		params: byName,
		answers: { 200: z.strictObject({ name: z.string(), deleted: z.literal(true) }).openapi("DeletedStream") },
		problems: ["E_STREAM_UNKNOWN", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params: { name } }) => {
		await orchestrator.bus.streams.delete(name);
		return { status: 200, body: { name, deleted: true as const } };
	},
);

const messages = route(
	{
		...{ name: "messages", method: "get", path: "/v1/bus/streams/{name}/messages", role: "viewer", tag },
		summary: "Messages of a stream, oldest first",
		params: byName,
		query: z.strictObject({
			limit: limitOf(1_000),
			cursor: z
				.string()
				.regex(/^[1-9][0-9]{0,14}$/)
				.optional()
				.openapi({ description: "The number of the first one: `nextCursor` of the page before. Default: the oldest." }),
			since: z.iso
				.datetime({ offset: true })
				.optional()
				.openapi({ description: "From the first message at or after this time; without a cursor." }),
			subject: pattern.optional(),
		}),
		answers: { 200: pageOf(stored, "Message") },
		problems: ["E_STREAM_UNKNOWN", "E_INPUT_INVALID"],
	},
	async ({ orchestrator, params: { name }, query: { limit = 100, cursor, since, subject } }) => {
		const from = cursor !== undefined ? { fromSeq: Number(cursor) } : since !== undefined ? { fromTime: since } : {};
		const only = subject === undefined ? {} : { subject };
		const items = await orchestrator.bus.streams.read(name, { ...from, ...only, limit });
		const last = items.length < limit ? undefined : items.at(-1);
		return { status: 200, body: { items, ...(last && { nextCursor: String(last.seq + 1) }) } };
	},
);

const append = route(
	{
		...{ name: "append", method: "post", path: "/v1/bus/append", role: "operator", tag },
		summary: "Append a message to the stream that keeps its subject",
		subject: (body) => body.subject,
		description: "Answers when it is durable. The same message id again inside the duplicate window is not kept again.",
		body: z
			.strictObject({
				subject,
				data: z.unknown().optional(),
				headers: headers.optional(),
				messageId: z.string().min(1).max(256).optional(),
				expectedLastSeq: z.int().min(0).optional(),
			})
			.openapi("Append", { example: { subject: "orders.paid", data: { order: 17 }, messageId: "order-17" } }),
		answers: { 201: appended },
		problems: ["E_STREAM_UNKNOWN", "E_CONFLICT", "E_INPUT_INVALID", "E_INPUT_TOO_LARGE", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body: { subject, data = null, headers, messageId, expectedLastSeq } }) => {
		const options = {
			...(headers !== undefined && { headers }),
			...(messageId !== undefined && { messageId }),
			...(expectedLastSeq !== undefined && { expectedLastSeq }),
		};
		return { status: 201, body: await orchestrator.bus.streams.append(subject, data as never, options) };
	},
);

export const busRoutes: readonly Route[] = [
	...[statsRoute, publish, request, services, append],
	...[streams, createStream, oneStream, deleteStream, messages],
];
