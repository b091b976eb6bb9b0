variable "artifact_sha256" {
  description = "Digest of the package."
  type        = string
}
