/** Who may use a route; each may do what those before it may. `anyone` needs no token. */
export const roles = ["anyone", "viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

/** What a token can have. */
export const tokenRoles = ["viewer", "operator", "admin"] as const;
export type TokenRole = (typeof tokenRoles)[number];

export const mayUse = (role: Role, wanted: Role): boolean => roles.indexOf(role) >= roles.indexOf(wanted);
