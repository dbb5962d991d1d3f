/** Every route of the work, in the order of the document. */
import type { Route } from "../route.ts";
import { artifactRoutes } from "./artifacts.ts";
import { busRoutes } from "./bus.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { fleetRoutes } from "./fleet.ts";
import { historyRoutes } from "./history.ts";
import { runRoutes } from "./runs.ts";
import { scheduleRoutes, triggerRoutes } from "./starters.ts";
import { taskRoutes } from "./tasks.ts";
import { approvalRoutes, workflowRoutes } from "./workflows.ts";

export const workRoutes: readonly Route[] = [
	...taskRoutes,
	...runRoutes,
	...historyRoutes,
	...workflowRoutes,
	...approvalRoutes,
	...fleetRoutes,
	...scheduleRoutes,
	...triggerRoutes,
	...busRoutes,
	...deadLetterRoutes,
	...artifactRoutes,
];
