/** What the API refuses: status and text are the real server's. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export const badRequestBody = (detail: string): ApiError => new ApiError(400, `bad request body: ${detail}`);
export const missingField = (field: string): ApiError => new ApiError(400, `missing required field: ${field}`);
export const proxyNotFound = (): ApiError => new ApiError(404, "proxy not found");
export const proxyExists = (): ApiError => new ApiError(409, "proxy already exists");
export const invalidStream = (): ApiError =>
  new ApiError(400, "stream was invalid, can be either upstream or downstream");
export const invalidToxicType = (): ApiError => new ApiError(400, "invalid toxic type");
export const toxicExists = (): ApiError => new ApiError(409, "toxic already exists");
export const toxicNotFound = (): ApiError => new ApiError(404, "toxic not found");
/** What the operating system refuses: a bad address, a port in use. */
export const systemError = (text: string): ApiError => new ApiError(500, text);
