/** A start of a run under an idempotency key: the run's id follows from the key, so the key is as durable as the run. */
import { createHash } from "node:crypto";
import { MusterError } from "../errors.ts";
import { canonicalJson, copyJson, type Json } from "../json.ts";
import { builtOf, type GivenWorkflow } from "../workflow/definition.ts";

const MAX_KEY = 256;

export interface KeyedRequest {
	/** Of the run. */
	id: string;
	/** Of what was asked for. A workflow by its name is the same request also when its file has changed meanwhile. */
	fingerprint: string;
}

/** @throws E_INPUT_INVALID */
export function requestOf(key: string, workflow: string | GivenWorkflow, inputs: unknown): KeyedRequest {
	if (typeof key !== "string" || key === "" || key.length > MAX_KEY) {
		throw new MusterError("E_INPUT_INVALID", `an idempotency key is a text of 1 to ${MAX_KEY} characters`);
	}
	const meant = typeof workflow === "string" ? workflow : builtOf(workflow);
	const asked = copyJson({ workflow: meant, inputs: inputs as Json }, "the request", "E_INPUT_INVALID");
	return { id: `run_k${hash(key).slice(0, 25)}`, fingerprint: hash(canonicalJson(asked)).slice(0, 32) };
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
