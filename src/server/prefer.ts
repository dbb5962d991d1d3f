/** `Prefer: wait=N` (RFC 7240): the answer comes when the work is over, or after N seconds with what is there then. */
import { z } from "@hono/zod-openapi";
import { hasCode } from "../errors.ts";
import type { Asking } from "./route.ts";

/** Longest time one request may wait, seconds. A caller that wants more asks again. */
const LONGEST_WAIT = 300;

export const prefer = z
	.string()
	.optional()
	.openapi({ description: "`wait=30`: answer when it is over, or after 30 seconds (at most 300)." });

export const waitingAnswers = { "Preference-Applied": "`wait=N`, when it waited." };

export interface WaitOptions {
	timeout: string;
	signal: AbortSignal;
}

/** The seconds that are to be waited for, or undefined. */
export function waitOf(preference: string | undefined): number | undefined {
	const seconds = /(?:^|[\s,;])wait=(\d{1,6})(?=$|[\s,;])/i.exec(preference ?? "")?.[1];
	return seconds === undefined ? undefined : Math.min(Number(seconds), LONGEST_WAIT);
}

/** Waits when that is preferred. Resolves with the headers that say so, or undefined when nobody wanted to wait. */
export async function waitAsPreferred(
	context: Asking,
	preference: string | undefined,
	wait: (options: WaitOptions) => Promise<unknown>,
): Promise<{ "preference-applied": string } | undefined> {
	const seconds = waitOf(preference);
	if (seconds === undefined) return undefined;
	try {
		await wait({ timeout: `${seconds}s`, signal: context.req.raw.signal });
	} catch (error) {
		if (!hasCode(error, "E_WAIT_TIMEOUT")) throw error;
	}
	return { "preference-applied": `wait=${seconds}` };
}
