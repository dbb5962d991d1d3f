/** What a call of a webhook is made of: its secret, its signature over what was sent, its body. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { readSecret } from "../environment.ts";
import { MusterError } from "../errors.ts";
import { copyJson, type Json } from "../json.ts";
import type { Log } from "../log.ts";

const MAX_SECRET_BYTES = 4_096;

/** What `${env:NAME}` or `${file:PATH}` stands for. */
export function secretOf(reference: string, log: Log): Buffer | undefined {
	const [, kind, name = ""] = /^\$\{(env|file):(.+)\}$/.exec(reference) ?? [];
	try {
		const text = kind === "env" ? readSecret(name) : kind === "file" ? readFileSync(name, "utf8").trim() : undefined;
		if (text === undefined || text === "" || text.length > MAX_SECRET_BYTES)
			throw new Error("it is not there, or empty");
		return /^whsec_/.test(text) ? Buffer.from(text.slice("whsec_".length), "base64") : Buffer.from(text);
	} catch (error) {
		log.error("the secret of a webhook cannot be read", { reference, error: (error as Error).message });
		return undefined;
	}
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
