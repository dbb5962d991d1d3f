/** Times as callers read them: RFC 3339, UTC, with milliseconds. */

let second = Number.NaN;
let text = "";

/** @param ms since 1970. Most times that are asked for one after the other lie in the same second, so its text is kept. */
export function timeText(ms: number): string {
	const whole = Math.floor(ms / 1_000);
	if (whole !== second) {
		text = new Date(whole * 1_000).toISOString().slice(0, -"000Z".length);
		second = whole;
	}
	return `${text}${String(Math.floor(ms) - whole * 1_000).padStart(3, "0")}Z`;
}
