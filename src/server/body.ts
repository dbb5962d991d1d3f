/** Bodies of requests: counted while they are read, and parsed only when they are small enough. */
import type { Context } from "hono";
import type { z } from "zod";
import { MusterError } from "../errors.ts";
import { explain } from "../schema.ts";

export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
export async function readJson(context: Context): Promise<unknown> {
	const type = context.req.header("content-type") ?? "";
	if (!/^application\/json\s*(;|$)/i.test(type)) {
		throw new MusterError("E_INPUT_INVALID", "the body has to be JSON", {
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
	for (const item of Array.isArray(body) ? body : [body]) checkKeys(item);
	return body;
}

/** A body of a known form. @param hint says what it looks like @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
export async function readBody<T>(context: Context, schema: z.ZodType<T>, hint?: string): Promise<T> {
	const parsed = schema.safeParse(await readJson(context));
	if (parsed.success) return parsed.data;
	throw new MusterError("E_INPUT_INVALID", `the request is not right: ${explain(parsed.error)}`, { hint });
}

/** The schemas further on pass over this one key in silence; inputs are looked through by whoever takes them. */
function checkKeys(value: unknown): void {
	if (typeof value !== "object" || value === null || !Object.hasOwn(value, "__proto__")) return;
	throw new MusterError("E_INPUT_INVALID", 'the body has the key "__proto__", which is not allowed');
}

/** As it was sent. @throws E_INPUT_TOO_LARGE */
export async function readBytes(context: Context, limit: number): Promise<Uint8Array> {
	const declared = Number(context.req.header("content-length") ?? 0);
	if (declared > limit) throw tooLarge(limit);
	const { body } = context.req.raw;
	if (body === null) return new Uint8Array();
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of body) {
		bytes += chunk.byteLength;
		if (bytes > limit) throw tooLarge(limit); // leaving the loop cancels the stream
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
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
