/** ^C and SIGTERM while a command works. */
import { EXIT_INTERRUPTED } from "./exit-codes.ts";

export interface Interrupts {
	/** Which signal came, once one did. */
	readonly signal: "SIGINT" | "SIGTERM" | undefined;
	forget(): void;
}

/** The first signal calls `first`; the next one ends the process at once, which is safe: everything is stored. */
export function onInterrupt(first: (signal: "SIGINT" | "SIGTERM") => void): Interrupts {
	let came: Interrupts["signal"];
	const hear = (signal: "SIGINT" | "SIGTERM"): void => {
		if (came !== undefined) process.exit(EXIT_INTERRUPTED);
		came = signal;
		first(signal);
	};
	process.on("SIGINT", hear);
	process.on("SIGTERM", hear);
	return {
		get signal() {
			return came;
		},
		forget() {
			process.off("SIGINT", hear);
			process.off("SIGTERM", hear);
		},
	};
}
