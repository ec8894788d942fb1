import type { OperationClass } from "../model/plan.ts";

export const CLASS_LABELS: Readonly<Record<OperationClass, string>> = {
  "get-linearizable": "linearizable get",
  "get-serializable": "serializable get",
  put: "put",
  delete: "delete",
  update: "update (txn)",
  remove: "delete (txn)",
};
