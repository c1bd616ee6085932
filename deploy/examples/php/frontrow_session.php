<?php

/*
 * Reads the session that Frontrow keeps in Redis. Nothing is written, and Frontrow is not asked.
 *
 * A session counts if the access token in the cookie was signed by Frontrow, for Frontrow, and has not expired, and if
 * Redis has the session, without a note that this token was logged out or replaced: one round trip. Whoever was logged out
 * is out here at once as well. docs/api.md says what is in the token and in the session.
 *
 * The environment is Frontrow's own: REDIS_URL, FRONTROW_REDIS_PREFIX, FRONTROW_TOKEN_SECRET, FRONTROW_OTHER_TOKEN_SECRET,
 * FRONTROW_PUBLIC_URL.
 * Needs PHP 8.1 and the extension `redis` (phpredis 5.3). One Redis, on a socket or on TCP; no cluster, no TLS.
 */

declare(strict_types=1);

namespace Frontrow;

/** It cannot be found out who is asking. Nobody is logged in then. */
final class Unavailable extends \RuntimeException
{
}

final class Sessions
{
    /** Seconds by which the clocks of two servers may differ. */
    private const LEEWAY = 5;
    /** Seconds. Somebody is waiting for a page. */
    private const PATIENCE = 2.0;

    /** @param array<string, string> $secrets what tokens are signed with, by the key's id */
    private function __construct(
        private readonly string $redisUrl,
        private readonly string $prefix,
        private readonly array $secrets,
        private readonly string $cookie,
    ) {
    }

    public static function fromEnvironment(): self
    {
        $secrets = [];
        // The second one is on its way in or out, and as good.
        foreach (['FRONTROW_TOKEN_SECRET', 'FRONTROW_OTHER_TOKEN_SECRET'] as $name) {
            $secret = getenv($name) ?: '';
            if ($secret !== '') {
                $secrets[bin2hex(substr(hash('sha256', "kid:$secret", true), 0, 8))] = $secret;
            }
        }
        $secure = str_starts_with(getenv('FRONTROW_PUBLIC_URL') ?: '', 'https://');
        return new self(
            getenv('REDIS_URL') ?: '',
            getenv('FRONTROW_REDIS_PREFIX') ?: '',
            $secrets,
            $secure ? '__Host-frontrow_access' : 'frontrow_access',
        );
    }

    /**
     * The session of the request being answered, or null: nobody is logged in.
     *
     * @return array{sid: string, account_id: int, account_name: string, nickname: string, role: string, device: string, created_at: string}|null
     * @throws Unavailable
     */
    public function current(): ?array
    {
        $token = $_COOKIE[$this->cookie] ?? null;
        return is_string($token) ? $this->of($token, time()) : null;
    }

    private function of(string $token, int $now): ?array
    {
        if ($this->secrets === []) {
            throw new Unavailable('FRONTROW_TOKEN_SECRET is not set');
        }
        $claims = $this->verified($token, $now);
        if ($claims === null) {
            return null;
        }
        ['sid' => $sid, 'jti' => $jti] = $claims;
        // The braces are part of the names.
        [$stored, $loggedOut] = $this->read([
            "{$this->prefix}session:{{$sid}}",
            "{$this->prefix}blacklist:{{$sid}}:$jti",
        ]);
        if (!is_string($stored) || $loggedOut !== false) {
            return null;
        }
        $session = json_decode($stored, true);
        if (!is_array($session)) {
            error_log("session $sid in Redis cannot be read");
            return null;
        }
        // Since then there are newer tokens, and the older ones open nothing any more.
        $rotated = strtotime($session['rotated_at'] ?? '');
        return $rotated !== false && $claims['iat'] >= $rotated ? $session : null;
    }

    /** What a token claims, if we may believe it (RFC 7519, HMAC-SHA-256 only). */
    private function verified(string $token, int $now): ?array
    {
        $parts = explode('.', $token);
        if (count($parts) !== 3) {
            return null;
        }
        [$head, $body, $signature] = $parts;
        $header = self::decoded($head);
        $kid = $header['kid'] ?? null;
        // Which algorithm it is, is ours to say and not the token's.
        if (($header['alg'] ?? null) !== 'HS256' || !is_string($kid) || !isset($this->secrets[$kid])) {
            return null;
        }
        $right = hash_hmac('sha256', "$head.$body", $this->secrets[$kid], true);
        if (!hash_equals(self::encoded($right), $signature)) {
            return null;
        }
        $claims = self::decoded($body);
        $good = $claims !== null
            && ($claims['iss'] ?? null) === 'frontrow'
            && ($claims['aud'] ?? null) === 'frontrow'
            && is_int($claims['exp'] ?? null) && $now < $claims['exp']
            && is_int($claims['iat'] ?? null) && $claims['iat'] <= $now + self::LEEWAY
            && is_string($claims['sid'] ?? null) && is_string($claims['jti'] ?? null);
        return $good ? $claims : null;
    }

    /** The values of two keys, false for one that is not there. */
    private function read(array $keys): array
    {
        try {
            $found = $this->redis()->mget($keys);
        } catch (\RedisException $error) {
            throw new Unavailable("Redis: {$error->getMessage()}", previous: $error);
        }
        if (!is_array($found) || count($found) !== count($keys)) {
            throw new Unavailable('Redis did not answer the question');
        }
        return $found;
    }

    /** Connected to REDIS_URL, which is written as for Frontrow. */
    private function redis(): \Redis
    {
        if (preg_match('#^(?:redis\+)?unix://(/[^?]*)(?:\?(.*))?$#D', $this->redisUrl, $unix)) {
            parse_str($unix[2] ?? '', $options);
            [$host, $port] = [$unix[1], -1];
            [$user, $password, $database] = [$options['user'] ?? null, $options['pass'] ?? null, $options['db'] ?? 0];
        } elseif (str_starts_with($this->redisUrl, 'redis://') && ($url = parse_url($this->redisUrl)) !== false) {
            [$host, $port] = [trim($url['host'] ?? '', '[]'), $url['port'] ?? 6379];
            [$user, $password] = array_map('rawurldecode', [$url['user'] ?? '', $url['pass'] ?? '']);
            $database = ltrim($url['path'] ?? '', '/');
        } else {
            throw new Unavailable('REDIS_URL is not set, or not of a kind that is known here');
        }
        $redis = new \Redis();
        $ready = $redis->connect($host, $port, self::PATIENCE, null, 0, self::PATIENCE)
            && (($password ?? '') === '' || $redis->auth(($user ?? '') === '' ? $password : [$user, $password]))
            && ((int) $database === 0 || $redis->select((int) $database));
        if (!$ready) {
            throw new Unavailable("Redis lets us not in: {$redis->getLastError()}");
        }
        return $redis;
    }

    private static function decoded(string $part): ?array
    {
        $json = base64_decode(strtr($part, '-_', '+/'), true);
        $value = $json === false ? null : json_decode($json, true, 8);
        return is_array($value) ? $value : null;
    }

    private static function encoded(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
