/** How a service says in an answer that it failed: the headers of NATS services (ADR-32), and the code of ours beside them. */
import { type ErrorCode, errorTable, MusterError, toErrorData } from "../errors.ts";
import type { BusMessage, Headers } from "./bus.ts";

const TEXT = "Nats-Service-Error";
const STATUS = "Nats-Service-Error-Code";
const CODE = "Muster-Error-Code";
const MAX_TEXT = 1_000;

export interface ServiceFailure {
	text: string;
	/** As a HTTP status. */
	status: number;
	headers: Headers;
}

export function failureOf(thrown: unknown): ServiceFailure {
	const { code, message } = toErrorData(thrown, "E_SERVICE_FAILED");
	const text = message.replace(/\p{Cc}+/gu, " ").slice(0, MAX_TEXT);
	const { status } = errorTable[code];
	return { text, status, headers: { [TEXT]: text, [STATUS]: String(status), [CODE]: code } };
}

/** The error in an answer, when it carries one. */
export function serviceError({ subject, headers }: Pick<BusMessage, "subject" | "headers">): MusterError | undefined {
	const text = headers[TEXT];
	if (text === undefined) return undefined;
	const code = headers[CODE];
	const known = code !== undefined && Object.hasOwn(errorTable, code) ? (code as ErrorCode) : "E_SERVICE_FAILED";
	return new MusterError(known, text, { details: { status: headers[STATUS], answer: subject } });
}
