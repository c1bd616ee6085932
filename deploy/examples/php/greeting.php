<?php

/*
 * Greets whoever is logged in at Frontrow: 200 with their name, 401 for everybody else, 503 when it cannot be found out.
 */

declare(strict_types=1);

require __DIR__ . '/frontrow_session.php';

const WORDS = [
    'en' => [
        'greeting' => 'Hello, %s',
        'known' => 'You are logged in at Frontrow as <b>%s</b>. This page is another program, in another language: it read your session from Redis.',
        'onward' => 'To the concerts',
        'stranger' => 'You are not logged in',
        'log_in_lead' => 'Log in at Frontrow, then come back to this page.',
        'log_in' => 'Log in',
        'unavailable' => 'One moment, please',
        'later' => 'Who you are cannot be looked up right now. You are still logged in, and nothing is lost.',
        'again' => 'Try again',
    ],
    'ko' => [
        'greeting' => '%s 님, 안녕하세요',
        'known' => 'Frontrow에 <b>%s</b> 계정으로 로그인되어 있습니다. 이 페이지는 다른 언어로 만든 별개의 프로그램이며, Redis에서 세션을 읽었습니다.',
        'onward' => '공연 보러 가기',
        'stranger' => '로그인되어 있지 않습니다',
        'log_in_lead' => 'Frontrow에 로그인한 뒤 이 페이지로 돌아와 주세요.',
        'log_in' => '로그인',
        'unavailable' => '잠시만 기다려 주세요',
        'later' => '지금은 로그인 정보를 확인할 수 없습니다. 로그인은 그대로이며 잃어버린 것은 없습니다.',
        'again' => '다시 시도',
    ],
];

const STYLE = <<<'CSS'
:root { color-scheme: light dark; --paper: #f5efe3; --raised: #fffaf0; --ink: #1b1f33; --soft: #565b73; --line: #d8cdb9; --now: #f3a71d; --focus: #2f49c7 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #10142a; --raised: #191f3d; --ink: #edeaf3; --soft: #a9aecb; --line: #2d3560; --now: #ffb52e; --focus: #9fb2ff }
}
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans CJK KR", sans-serif }
main { width: 100%; max-width: 32rem; padding: 2rem; background: var(--raised); border: 1px solid var(--line); border-radius: .75rem;
  word-break: keep-all; overflow-wrap: anywhere }
h1 { font-size: 1.75rem; line-height: 1.25; margin-bottom: .75rem }
p + p { margin-top: 1.5rem }
.lead { color: var(--soft) }
b { color: var(--ink) }
a { display: inline-block; padding: .625rem 1.25rem; border-radius: .5rem; background: var(--now); color: #211603; font-weight: 600; text-decoration: none }
a:hover { text-decoration: underline }
a:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
CSS;

/** The language of the request, as Frontrow finds it: the cookie of its switch, else that of a visit, else `Accept-Language`, else English. */
function language(): string
{
    $chosen = $_COOKIE['frontrow_language'] ?? $_COOKIE['frontrow_visit_language'] ?? null;
    if (is_string($chosen) && isset(WORDS[$chosen])) {
        return $chosen;
    }
    [$best, $quality] = ['en', 0.0];
    foreach (explode(',', $_SERVER['HTTP_ACCEPT_LANGUAGE'] ?? '') as $range) {
        if (preg_match('/^\s*([a-z]+)[^;]*(?:;\s*q=([0-9.]+))?/i', $range, $found)) {
            $tag = strtolower($found[1]);
            $wanted = (float) ($found[2] ?? 1);
            if (isset(WORDS[$tag]) && $wanted > $quality) {
                [$best, $quality] = [$tag, $wanted];
            }
        }
    }
    return $best;
}

function escaped(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');
}

$language = language();
$words = WORDS[$language];

try {
    $session = Frontrow\Sessions::fromEnvironment()->current();
    if ($session === null) {
        http_response_code(401);
        [$title, $lead, $link, $label] = [$words['stranger'], $words['log_in_lead'], '/log-in', $words['log_in']];
    } else {
        // What a person may choose is escaped here, and nowhere else.
        $title = sprintf($words['greeting'], escaped($session['nickname'] ?? ''));
        $lead = sprintf($words['known'], escaped($session['account_name'] ?? ''));
        [$link, $label] = ['/', $words['onward']];
    }
} catch (Frontrow\Unavailable $error) {
    error_log($error->getMessage());
    http_response_code(503);
    header('Retry-After: 2');
    [$title, $lead, $link, $label] = [$words['unavailable'], $words['later'], '/greeting', $words['again']];
}

header('Content-Type: text/html; charset=utf-8');
// For one reader, and only for as long as they are logged in.
header('Cache-Control: no-store');
header("Content-Language: $language");
header("Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self'; style-src 'sha256-"
    . base64_encode(hash('sha256', STYLE, true)) . "'");
header('X-Content-Type-Options: nosniff');
header('Referrer-Policy: same-origin');
?>
<!DOCTYPE html>
<html lang="<?= $language ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= $title ?> · Frontrow</title>
<link rel="icon" href="/favicon.svg">
<style><?= STYLE ?></style>
</head>
<body>
<main>
<h1><?= $title ?></h1>
<p class="lead"><?= $lead ?></p>
<p><a href="<?= $link ?>"><?= $label ?></a></p>
</main>
</body>
</html>
