/** Bodies of requests: counted while they are read, and parsed only when they are small enough. */
import { Readable } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { MusterError } from "../errors.ts";
import { Refused } from "./problem.ts";

export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** @throws E_INPUT_INVALID (415 when it says that it is no JSON), E_INPUT_TOO_LARGE */
export async function readJson(context: Context): Promise<unknown> {
	const type = context.req.header("content-type") ?? "";
	if (!/^application\/json\s*(;|$)/i.test(type)) {
		throw new Refused(415, "E_INPUT_INVALID", "the body has to be JSON", {
			hint: "Send Content-Type: application/json.",
		});
	}
	const text = await readText(context);
	let body: unknown;
	try {
		body = JSON.parse(text);
	} catch (error) {
		throw new MusterError("E_INPUT_INVALID", `the body is not JSON: ${(error as Error).message}`);
	}
	if (/__proto__|\\u/.test(text)) checkKeys(body);
	return body;
}

/** The schemas further on would pass over this one key in silence. */
function checkKeys(body: unknown): void {
	const open = [body];
	while (open.length > 0) {
		const value = open.pop();
		if (typeof value !== "object" || value === null) continue;
		if (Object.hasOwn(value, "__proto__")) {
			throw new Refused(422, "E_INPUT_INVALID", 'the body has the key "__proto__", which is not allowed');
		}
		for (const member of Object.values(value)) open.push(member);
	}
}

/** As it was sent. @throws E_INPUT_TOO_LARGE */
export async function readBytes(context: Context, limit: number): Promise<Uint8Array> {
	const declared = Number(context.req.header("content-length") ?? 0);
	if (declared > limit) throw tooLarge(limit);
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of sourceOf(context)) {
		bytes += chunk.byteLength;
		if (bytes > limit) throw tooLarge(limit);
		chunks.push(chunk);
	}
	return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

/** On a socket from Node's own stream: to make a stream of the web of it takes longer than all else that a submit does. */
function sourceOf({ env, req }: Context): AsyncIterable<Uint8Array> {
	const { incoming } = (env ?? {}) as Partial<HttpBindings>;
	// Left early it stays open, so that the answer can be sent.
	if (incoming !== undefined) return incoming.iterator({ destroyOnReturn: false });
	return req.raw.body ?? Readable.from([]);
}

async function readText(context: Context): Promise<string> {
	const bytes = await readBytes(context, MAX_BODY_BYTES);
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw new MusterError("E_INPUT_INVALID", "the body is not UTF-8");
	}
}

function tooLarge(limit: number): MusterError {
	return new MusterError("E_INPUT_TOO_LARGE", `a body may have ${limit} bytes`, {
		hint: "Put large data into a file and pass its path, or submit in several batches.",
	});
}
