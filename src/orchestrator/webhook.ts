/** What a call of a webhook is made of: its secret, its signature over what was sent, its body. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { readSecret } from "../environment.ts";
import { MusterError, toErrorData } from "../errors.ts";
import { copyJson, type Json } from "../json.ts";

/** Fewer could be guessed; https://www.standardwebhooks.com asks for as many. */
const LEAST_SECRET_BYTES = 24;
const MAX_SECRET_LENGTH = 4_096;

/**
 * The key that `${env:NAME}` or `${file:PATH}` stands for; undefined when there is nothing.
 * @throws E_FILE_UNREADABLE, E_CONFIG_INVALID when what is there is no key
 */
export async function secretOf(reference: string): Promise<Buffer | undefined> {
	const [, kind, name = ""] = /^\$\{(env|file):(.+)\}$/.exec(reference) ?? [];
	const text = kind === "file" ? await readText(name) : readSecret(name);
	return text === undefined || text === "" ? undefined : keyOf(text, reference);
}

/** Why every call is refused that has to be signed with it; undefined when none has to be. */
export async function secretProblem(reference: string): Promise<string | undefined> {
	try {
		if ((await secretOf(reference)) !== undefined) return undefined;
		const mend = /^\$\{env:/.test(reference) ? "set it and start the server again" : "write the file";
		return `the secret ${reference} is not there, so every call is refused; ${mend}`;
	} catch (error) {
		return `${toErrorData(error).message}, so every call is refused`;
	}
}

async function readText(path: string): Promise<string | undefined> {
	try {
		return (await readFile(path, "utf8")).trim();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw new MusterError("E_FILE_UNREADABLE", `a secret cannot be read: ${(error as Error).message}`);
	}
}

function keyOf(text: string, reference: string): Buffer {
	const refused = (what: string) =>
		new MusterError("E_CONFIG_INVALID", `the webhook secret ${reference} ${what}`, {
			hint: "Make one with: openssl rand -base64 32",
		});
	if (text.length > MAX_SECRET_LENGTH) throw refused(`is longer than ${MAX_SECRET_LENGTH} characters`);
	const [, base64] = /^whsec_(.*)$/s.exec(text) ?? [];
	if (base64 !== undefined && !/^[\w+/-]*={0,2}$/.test(base64)) throw refused("is not base64 behind whsec_");
	const key = base64 === undefined ? Buffer.from(text) : Buffer.from(base64, "base64");
	if (key.length >= LEAST_SECRET_BYTES) return key;
	throw refused(`has ${key.length} bytes; it needs at least ${LEAST_SECRET_BYTES}`);
}

export function isSigned(given: string, secret: Buffer, before: string, body: Uint8Array): boolean {
	const wanted = createHmac("sha256", secret).update(before).update(body).digest();
	return given.split(" ").some((part) => {
		if (!part.startsWith("v1,")) return false;
		const signature = Buffer.from(part.slice("v1,".length), "base64");
		return signature.length === wanted.length && timingSafeEqual(signature, wanted);
	});
}

/** @throws E_INPUT_INVALID */
export function jsonOf(body: Uint8Array): Json {
	let text: unknown;
	try {
		text = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
	} catch (error) {
		throw new MusterError("E_INPUT_INVALID", `the body is not JSON: ${(error as Error).message}`);
	}
	return copyJson(text, "the body", "E_INPUT_INVALID");
}
