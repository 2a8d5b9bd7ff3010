"""Credentials that expire: fetched from the clouds in threads, kept in memory, refreshed ahead of their end.

::

    snapshot ── keeper ──┬── static ones, from the configuration
                         └── sources: aws | gcp | azure ── botocore | google-auth | azure-identity (optional extras)
    attempt ── Credentials.current(provider) ── memory only

``keeper``   the port ``extproc.providers.credential.Credentials``, and the tasks behind it
``sources``  a provider's login → where its credential comes from
``optional`` the libraries of the clouds, loaded where a login needs one
``fakes``    a source for tests
"""
