/** What zod found, for people. */
import type { z } from "zod";

const MAX_ISSUES = 5;

/** One line: `path: problem; path: problem`. */
export function explain(error: z.ZodError): string {
	const lines = error.issues
		.slice(0, MAX_ISSUES)
		.map(({ path, message }) => (path.length > 0 ? `${path.map(String).join(".")}: ${message}` : message));
	const more = error.issues.length - lines.length;
	return lines.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
