// An OpenID provider on a loopback port, for the hub's end-to-end test: two systems by client
// credentials (private_key_jwt; a self-signed certificate with bound tokens), and a portal
// through which a citizen logs in. It reads its configuration from standard input as JSON and
// prints one line when it listens.
import { createServer } from 'node:http'
import { X509Certificate } from 'node:crypto'
import { Provider } from 'oidc-provider'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { port, jwks, clientJwks, certificateJwks, cookieKey } = JSON.parse(Buffer.concat(chunks).toString())
const issuer = `http://127.0.0.1:${port}`
const AUDIENCE = 'posicion-integral'

const provider = new Provider(issuer, {
  jwks,
  cookies: { keys: [cookieKey] },
  clients: [
    {
      client_id: 'becas-comedor',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: clientJwks,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: []
    },
    {
      client_id: 'bono-social',
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      tls_client_certificate_bound_access_tokens: true,
      jwks: certificateJwks,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: []
    },
    {
      client_id: 'portal',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1:1/back'],
      response_types: ['code'],
      grant_types: ['authorization_code']
    }
  ],
  clientAuthMethods: ['none', 'private_key_jwt', 'self_signed_tls_client_auth'],
  scopes: ['openid', 'position'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      getCertificate (ctx) {
        const pem = ctx.get('x-test-certificate')
        return pem ? new X509Certificate(Buffer.from(pem, 'base64')) : undefined
      }
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => `urn:${AUDIENCE}`,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'position',
        audience: AUDIENCE,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'RS256' } }
      })
    }
  },
  async findAccount (ctx, id) {
    return { accountId: id, claims: async () => ({ sub: id }) }
  },
  // what the city's broker knows of whoever logged in; systems are nobody
  async extraTokenClaims (ctx, token) {
    if (!token.accountId) return undefined
    return {
      role: 'citizen',
      nif: token.accountId,
      given_name: 'Ana',
      first_surname: 'Prueba',
      acr: 'http://eidas.europa.eu/LoA/substantial'
    }
  }
})
createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log(`listening ${issuer}`))
