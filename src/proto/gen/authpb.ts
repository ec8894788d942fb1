// Generated from src/proto/authpb.proto by `npm run generate`: change that, not this.
import { EMPTY_BYTES, type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
export const PermissionType: { readonly READ: 0; readonly WRITE: 1; readonly READWRITE: 2 } = {
  READ: 0,
  WRITE: 1,
  READWRITE: 2,
};
export type PermissionType = (typeof PermissionType)[keyof typeof PermissionType];

export interface UserAddOptions {
  readonly noPassword: boolean;
}

export const UserAddOptions: MessageCodec<UserAddOptions> = messageCodec(
  readUserAddOptions,
  writeUserAddOptions,
  createUserAddOptions,
  () => [{ name: "no_password", key: "noPassword", type: "bool" }],
);

function createUserAddOptions(partial: Partial<UserAddOptions> = {}): UserAddOptions {
  return { noPassword: partial.noPassword ?? false };
}

export function readUserAddOptions(r: Reader): UserAddOptions {
  let noPassword: UserAddOptions["noPassword"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        noPassword = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { noPassword };
}

export function writeUserAddOptions(w: Writer, m: UserAddOptions): void {
  if (m.noPassword) {
    w.bool(8, m.noPassword);
  }
}

export interface User {
  readonly name: Uint8Array;
  readonly password: Uint8Array;
  readonly roles: readonly string[];
  readonly options: UserAddOptions | null;
}

export const User: MessageCodec<User> = messageCodec(readUser, writeUser, createUser, () => [
  { name: "name", key: "name", type: "bytes" },
  { name: "password", key: "password", type: "bytes" },
  { name: "roles", key: "roles", type: "string", repeated: true },
  { name: "options", key: "options", type: "message", message: UserAddOptions },
]);

function createUser(partial: Partial<User> = {}): User {
  return {
    name: partial.name ?? EMPTY_BYTES,
    password: partial.password ?? EMPTY_BYTES,
    roles: partial.roles ?? [],
    options: partial.options ?? null,
  };
}

export function readUser(r: Reader): User {
  let name: User["name"] = EMPTY_BYTES;
  let password: User["password"] = EMPTY_BYTES;
  const roles: string[] = [];
  let options: User["options"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.bytes();
        break;
      case 18:
        password = r.bytes();
        break;
      case 26:
        roles.push(r.string());
        break;
      case 34: {
        const outer = r.enter();
        options = readUserAddOptions(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { name, password, roles, options };
}

export function writeUser(w: Writer, m: User): void {
  if (m.options !== null) {
    const before = w.length;
    writeUserAddOptions(w, m.options);
    w.prefix(34, before);
  }
  for (let i = m.roles.length - 1; i >= 0; i--) {
    w.string(26, m.roles[i] as string);
  }
  if (m.password.length !== 0) {
    w.bytes(18, m.password);
  }
  if (m.name.length !== 0) {
    w.bytes(10, m.name);
  }
}

export interface Permission {
  readonly permType: PermissionType;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export const Permission: MessageCodec<Permission> = messageCodec(
  readPermission,
  writePermission,
  createPermission,
  () => [
    { name: "permType", key: "permType", type: "enum", values: PermissionType },
    { name: "key", key: "key", type: "bytes" },
    { name: "range_end", key: "rangeEnd", type: "bytes" },
  ],
);

function createPermission(partial: Partial<Permission> = {}): Permission {
  return {
    permType: partial.permType ?? 0,
    key: partial.key ?? EMPTY_BYTES,
    rangeEnd: partial.rangeEnd ?? EMPTY_BYTES,
  };
}

export function readPermission(r: Reader): Permission {
  let permType: Permission["permType"] = 0;
  let key: Permission["key"] = EMPTY_BYTES;
  let rangeEnd: Permission["rangeEnd"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        permType = r.enumeration();
        break;
      case 18:
        key = r.bytes();
        break;
      case 26:
        rangeEnd = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { permType, key, rangeEnd };
}

export function writePermission(w: Writer, m: Permission): void {
  if (m.rangeEnd.length !== 0) {
    w.bytes(26, m.rangeEnd);
  }
  if (m.key.length !== 0) {
    w.bytes(18, m.key);
  }
  if (m.permType !== 0) {
    w.enumeration(8, m.permType);
  }
}

export interface Role {
  readonly name: Uint8Array;
  readonly keyPermission: readonly Permission[];
}

export const Role: MessageCodec<Role> = messageCodec(readRole, writeRole, createRole, () => [
  { name: "name", key: "name", type: "bytes" },
  { name: "keyPermission", key: "keyPermission", type: "message", repeated: true, message: Permission },
]);

function createRole(partial: Partial<Role> = {}): Role {
  return { name: partial.name ?? EMPTY_BYTES, keyPermission: partial.keyPermission ?? [] };
}

export function readRole(r: Reader): Role {
  let name: Role["name"] = EMPTY_BYTES;
  const keyPermission: Permission[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.bytes();
        break;
      case 18: {
        const outer = r.enter();
        keyPermission.push(readPermission(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { name, keyPermission };
}

export function writeRole(w: Writer, m: Role): void {
  for (let i = m.keyPermission.length - 1; i >= 0; i--) {
    const before = w.length;
    writePermission(w, m.keyPermission[i] as Permission);
    w.prefix(18, before);
  }
  if (m.name.length !== 0) {
    w.bytes(10, m.name);
  }
}
