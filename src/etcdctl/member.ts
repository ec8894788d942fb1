import { Command } from "commander";
import { hex } from "../base/ids.ts";
import { MemberListResponse } from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { print } from "./print.ts";

export function memberListCommand(): Command {
  return new Command("list").description("Lists all members in the cluster");
}

export async function memberList(context: Context): Promise<void> {
  print(context, MemberListResponse, await context.client().cluster.memberList(), printMembers);
}

function printMembers(context: Context, response: MemberListResponse): void {
  for (const { id, name, peerUrls, clientUrls, isLearner } of response.members) {
    const status = name === "" ? "unstarted" : "started";
    context.line([hex(id), status, name, peerUrls.join(","), clientUrls.join(","), isLearner].join(", "));
  }
}
