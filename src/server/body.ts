/** Bodies of requests: counted while they are read, and parsed only when they are small enough. */
import type { Context } from "hono";
import { MusterError } from "../errors.ts";

export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
export async function readJson(context: Context): Promise<unknown> {
	const type = context.req.header("content-type") ?? "";
	if (!/^application\/json\s*(;|$)/i.test(type)) {
		throw new MusterError("E_INPUT_INVALID", "the body has to be JSON", {
			hint: "Send Content-Type: application/json.",
		});
	}
	const declared = Number(context.req.header("content-length") ?? 0);
	if (declared > MAX_BODY_BYTES) throw tooLarge();
	const text = await readText(context.req.raw.body);
	let body: unknown;
	try {
		body = JSON.parse(text);
	} catch (error) {
		throw new MusterError("E_INPUT_INVALID", `the body is not JSON: ${(error as Error).message}`);
	}
	for (const item of Array.isArray(body) ? body : [body]) checkKeys(item);
	return body;
}

/** The schemas further on pass over this one key in silence; inputs are looked through by whoever takes them. */
function checkKeys(value: unknown): void {
	if (typeof value !== "object" || value === null || !Object.hasOwn(value, "__proto__")) return;
	throw new MusterError("E_INPUT_INVALID", 'the body has the key "__proto__", which is not allowed');
}

async function readText(body: ReadableStream<Uint8Array> | null): Promise<string> {
	if (body === null) return "";
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of body) {
		bytes += chunk.byteLength;
		if (bytes > MAX_BODY_BYTES) throw tooLarge(); // leaving the loop cancels the stream
		chunks.push(chunk);
	}
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
	} catch {
		throw new MusterError("E_INPUT_INVALID", "the body is not UTF-8");
	}
}

function tooLarge(): MusterError {
	return new MusterError("E_INPUT_TOO_LARGE", `a body may have ${MAX_BODY_BYTES} bytes`, {
		hint: "Put large data into a file and pass its path, or submit in several batches.",
	});
}
