/** The etcd release whose wire behaviour this server has: clients switch features by it. */
export const SERVER_VERSION = "3.7.1";
export const CLUSTER_VERSION = "3.7.0";
export const STORAGE_VERSION = "3.7.0";
