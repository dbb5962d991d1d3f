/** What the exit code of `muster` says; errors.ts gives each error its own. */
export const exitCodes: readonly (readonly [code: number, meaning: string])[] = [
	[0, "it worked"],
	[1, "the task or the run failed, or a check did"],
	[2, "the command or its input was not understood"],
	[3, "the workflow or the configuration is not valid"],
	[4, "there is nothing of this name or id"],
	[5, "the present state does not allow it: folder or port in use, key taken"],
	[6, "no server could be reached, or no data folder used"],
	[7, "not allowed"],
	[8, "the wait ended before the work did"],
	[9, "the work was cancelled"],
	[10, "the run completed without some of its items, as its workflow allows"],
	[70, "a fault inside Muster, or a damaged data folder"],
	[130, "interrupted with ^C"],
];

export const EXIT_FAILED = 1;
export const EXIT_CANCELLED = 9;
export const EXIT_PARTIAL = 10;
export const EXIT_INTERRUPTED = 130;
