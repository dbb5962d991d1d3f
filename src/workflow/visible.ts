/**
 * What an expression may mention where it stands: names, their members, and steps that are over by then.
 *
 * A step is looked for in the list of the expression's own step, then in the list of the step around that, and so on
 * outwards; the first list that has the id counts, as in `scope.ts`.
 */
import type { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { didYouMean } from "../suggest.ts";
import type { StepDefinition } from "./definition.ts";
import { conditionText, type Expression, expressionsIn, type Read, tryCompile } from "./expression.ts";
import type { Graph, Pair } from "./graph.ts";
import { prototypeNames } from "./names.ts";
import { type Path, type Problem, type Problems, quoteName } from "./problems.ts";

/** One list of steps. */
export interface StepList {
	steps: readonly StepDefinition[];
	/** Places by id; of equal ids the first. */
	places: ReadonlyMap<string, number>;
	/** Its steps see of the others, and of themselves, what the round before made. */
	loop: boolean;
	/** The step around it, and the list of that. */
	around?: { list: StepList; place: number };
	/** The main list, whose steps are seen too, whatever became of them: in onFailure and finally. */
	main?: StepList;
	/** What the graph has yet to be asked, with what is wrong when the answer is no. */
	questions: (Pair & { problem: Finding; tell(finding: Finding): void })[];
}

/** Names with their members; undefined for a name that may have any. */
export type Names = ReadonlyMap<string, readonly string[] | undefined>;

export interface View {
	problems: Problems;
	names: Names;
	/** Absent where no steps are seen. */
	list?: StepList;
	/** The step it belongs to; absent for what looks back on the whole list. */
	place?: number;
	/** Whether it sees that step itself as well. */
	after?: boolean;
}

const stepMembers = ["output", "outputs", "state", "missing"];

interface Finding {
	message: string;
	hint(): string | undefined;
}

export function checkCondition(view: View, path: Path, condition: string): void {
	const text = conditionText(condition);
	checkExpression(view, path, { text, ...tryCompile(text) });
}

export function checkTemplate(view: View, path: Path, template: Json): void {
	for (const found of expressionsIn(template)) checkExpression(view, [...path, ...found.path], found);
}

/** Asks the graph of a list all that its expressions, and those of the lists inside of it, depend on. */
export function answerQuestions({ questions }: StepList, graph: Graph): void {
	const answers = graph.precedes(questions);
	for (const [index, { problem, tell }] of questions.entries()) if (answers[index] === false) tell(problem);
}

interface Found {
	text: string;
	expression?: Expression;
	error?: MusterError;
}

function checkExpression(view: View, path: Path, { text, expression, error }: Found): void {
	const add = ({ message, hint }: Finding, offset: number): void => {
		const within: Problem["within"] = { text, offset };
		view.problems.add(path, message, hint, { within });
	};
	if (error !== undefined) {
		const { reason, offset = 0 } = (error.details ?? {}) as { reason?: string; offset?: number };
		add({ message: `expression: ${reason ?? error.message}`, hint: () => error.hint }, offset);
	}
	const told = new Set<string>();
	for (const read of expression?.reads ?? []) {
		checkRead(view, read, (finding) => {
			if (told.has(finding.message)) return;
			told.add(finding.message);
			add(finding, read.offset);
		});
	}
}

function checkRead(view: View, { path }: Read, tell: (finding: Finding) => void): void {
	const [root, member, ofStep] = path as [string, string?, string?];
	const prototype = path.find((name) => prototypeNames.has(name));
	if (prototype !== undefined) {
		tell({ message: `no data has a member "${prototype}"`, hint: () => undefined });
	} else if (!view.names.has(root)) {
		const known = [...view.names.keys()];
		const hint = () => didYouMean(root, known) ?? `Known here: ${known.join(", ")}. A text needs quotes.`;
		tell({ message: `the name "${quoteName(root)}" is not known here`, hint });
	} else if (root === "steps") {
		if (member !== undefined && view.list !== undefined) checkStepRead(view, view.list, member, ofStep, tell);
	} else if (member !== undefined) {
		const members = view.names.get(root);
		if (members === undefined || members.includes(member)) return;
		const what = root === "inputs" ? "no input has the name" : `${root} has no`;
		const hint = () => didYouMean(member, members) ?? (members.length > 0 ? `It has ${listed(members)}.` : undefined);
		tell({
			message: `${what} "${quoteName(member)}"`,
			hint: root === "inputs" ? () => didYouMean(member, members) : hint,
		});
	}
}

function checkStepRead(
	view: View,
	own: StepList,
	id: string,
	member: string | undefined,
	tell: (finding: Finding) => void,
): void {
	let list: StepList | undefined = own;
	let reader = view.place;
	while (list !== undefined && !list.places.has(id)) {
		reader = list.around?.place;
		list = list.around === undefined ? list.main : list.around.list;
	}
	const place = list?.places.get(id);
	if (list === undefined || place === undefined) {
		tell({ message: `no step has the id "${quoteName(id)}"`, hint: () => didYouMean(id, idsSeen(own)) });
		return;
	}
	const isOver = reader === undefined || list.loop || (place === reader && list === own && view.after === true);
	if (!isOver && place === reader) {
		const when = list === own ? `reads itself before it has run` : "is not over while the steps inside of it run";
		tell({ message: `step "${id}" ${when}`, hint: () => undefined });
		return;
	}
	if (!isOver) {
		const message = `step "${id}" may not be over when "${list.steps[reader as number]?.id}" starts`;
		const problem = { message, hint: () => `Add ${id} to its needs.` };
		list.questions.push({ earlier: place, later: reader as number, problem, tell });
	}
	if (member === undefined || stepMembers.includes(member)) return;
	const hint = () => didYouMean(member, stepMembers) ?? `A step has ${listed(stepMembers)}.`;
	tell({ message: `a step has no "${quoteName(member)}"`, hint });
}

function* idsSeen(list: StepList): Iterable<string> {
	for (let at: StepList | undefined = list; at !== undefined; at = at.around?.list ?? at.main) yield* at.places.keys();
}

const listed = (names: readonly string[]): string =>
	names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
