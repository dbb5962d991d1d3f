/** The answers of a route that are no success, as the document has them. Those that most routes share stand there once. */
import { type ErrorCode, errorTable } from "../errors.ts";
import { problem } from "./schemas/error.ts";

export interface Refusals {
	/** Whether it needs a token. */
	open: boolean;
	/** What it takes. */
	body: "json" | "bytes" | undefined;
	/** Whether it answers before the orchestrator works. */
	always: boolean;
	/** Whether it has to be written into the audit. */
	changes: boolean;
	problems: readonly ErrorCode[];
	/** Where the status is not that of the code. */
	also: { [status: number]: readonly ErrorCode[] };
}

/** By name in the document. */
const shared: { [name: string]: { status: number; codes: readonly ErrorCode[] } } = {
	NotRight: { status: 400, codes: ["E_INPUT_INVALID"] },
	NoToken: { status: 401, codes: ["E_UNAUTHORIZED"] },
	Foreign: { status: 403, codes: ["E_FORBIDDEN"] },
	TooMany: { status: 429, codes: ["E_RATE_LIMITED"] },
	TooLarge: { status: 413, codes: ["E_INPUT_TOO_LARGE"] },
	NotJson: { status: 415, codes: ["E_INPUT_INVALID"] },
	Refused: { status: 422, codes: ["E_INPUT_INVALID"] },
	Fault: { status: 500, codes: ["E_INTERNAL", "E_JOURNAL_FAILED"] },
	NotNow: { status: 503, codes: ["E_STARTING", "E_STOPPED"] },
	DiskFull: { status: 507, codes: ["E_STORAGE_FULL"] },
};

const textOf = (codes: readonly ErrorCode[]): string =>
	codes.map((code) => `${code}: ${errorTable[code].title}`).join(". ");

const answerOf = (codes: readonly ErrorCode[]) => ({
	description: textOf(codes),
	content: { "application/problem+json": { schema: problem } },
});

/** For the components of the document. */
export const sharedAnswers = Object.entries(shared).map(([name, { codes }]) => ({
	name,
	answer: {
		description: textOf(codes),
		content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
	},
}));

/** Of one route, by status. */
export function problemAnswers(refusals: Refusals): {
	[status: string]: ReturnType<typeof answerOf> | { $ref: string };
} {
	const found = [...problemsOf(refusals)].sort(([a], [b]) => a - b);
	return Object.fromEntries(
		found.map(([status, codes]) => {
			const all = [...codes];
			const same = Object.entries(shared).find(
				([, one]) =>
					one.status === status && one.codes.length === all.length && one.codes.every((code) => codes.has(code)),
			);
			return [status, same === undefined ? answerOf(all) : { $ref: `#/components/responses/${same[0]}` }];
		}),
	);
}

function problemsOf({ open, body, always, changes, problems, also }: Refusals): Map<number, Set<ErrorCode>> {
	const found = new Map<number, Set<ErrorCode>>();
	const add = (status: number, ...codes: readonly ErrorCode[]): void => {
		const known = found.get(status) ?? new Set();
		for (const code of codes) known.add(code);
		found.set(status, known);
	};
	add(400, "E_INPUT_INVALID");
	add(403, "E_FORBIDDEN");
	add(500, "E_INTERNAL", "E_JOURNAL_FAILED");
	if (!open) {
		add(401, "E_UNAUTHORIZED");
		add(429, "E_RATE_LIMITED");
	}
	if (changes) add(507, "E_STORAGE_FULL");
	if (body !== undefined) add(413, "E_INPUT_TOO_LARGE");
	if (body === "json") for (const status of [415, 422]) add(status, "E_INPUT_INVALID");
	if (!always) add(503, "E_STARTING", "E_STOPPED");
	for (const code of problems) {
		const { status } = errorTable[code];
		add(status === 400 ? 422 : status, code);
	}
	for (const [status, codes] of Object.entries(also)) add(Number(status), ...codes);
	return found;
}
