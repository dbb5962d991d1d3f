/** The section of the report on records that were inspected one by one. */
import { counted, exact, whole } from "./display.ts";
import type { UnitOf } from "./highlights.ts";
import type { Inspection } from "./inspect.ts";
import { figure, prose, table } from "./report-html.ts";

const MAX_ROWS = 20;

/** @param inspections null for a record that could not be inspected */
export function records(inspections: readonly (Inspection | null)[], unitOf: UnitOf): string {
	if (inspections.length === 0) return "";
	const inspected = inspections.filter((inspection) => inspection !== null);
	const odd = inspected
		.filter(({ findings }) => findings.length > 0)
		.toSorted((a, b) => b.findings.length - a.findings.length || a.row - b.row);
	const missing = inspections.length - inspected.length;
	const left = missing === 0 ? "" : ` ${counted(missing, "record")} could not be inspected and are missing here.`;
	const sum = `${counted(inspected.length, "record")} were inspected one by one; something stands out in ${whole(odd.length)}.${left}`;
	const rows = odd
		.slice(0, MAX_ROWS)
		.map(({ row, findings }) => [
			figure(row),
			{ text: findings.map((finding) => describe(finding, unitOf)).join("; ") },
		]);
	const shown =
		rows.length === 0 ? "" : table(["row", "what stands out"], rows, "Records with the most findings.", odd.length);
	return `<p>${prose(sum)}</p>${shown}`;
}

function describe({ column, problem, value, low, high }: Inspection["findings"][number], unitOf: UnitOf): string {
	if (problem === "missing") return `${column} is missing`;
	const unit = unitOf(column);
	return `${column} is ${exact(value ?? 0)}${unit === null ? "" : ` ${unit}`}, outside ${exact(low ?? 0)} … ${exact(high ?? 0)}`;
}
