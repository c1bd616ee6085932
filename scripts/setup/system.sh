# shellcheck shell=bash
# What the operating system provides: a C compiler, Node.js, PostgreSQL, Redis, a browser, fonts,
# nginx, PHP.

# Prints a line for each program that is missing: its name, Debian's packages, Homebrew's formula.
missing_for_build() {
    has cc || echo 'a C compiler|build-essential|'
    has npm || echo 'npm|nodejs npm|node'
    has redis-server || echo 'redis-server|redis-server|redis'
    { has postgres && has initdb; } || echo 'postgres|postgresql|postgresql@17'
    if on_macos && ! has rustup; then
        echo 'rustup||rustup'
    fi
}

missing_for_test() {
    # Ubuntu's chromium package only points to its snap store: there Playwright uses its own
    # browser, as everywhere else.
    if [ -z "$FRONTROW_CHROMIUM" ] && on_debian && ! on_ubuntu; then
        echo 'chromium|chromium|'
    fi
    has_korean_font || echo 'a Korean font|fonts-noto-cjk|'
    # Used to run deploy/examples.
    has_server_program nginx || echo 'nginx|nginx|nginx'
    has_server_program php-fpm || echo 'php-fpm|php-fpm|php'
    # Homebrew has no formula for it: require_php_redis prints what to do.
    on_macos || has_php_redis || echo 'php-redis|php-redis|'
}

# Debian keeps them where only root's PATH looks, and php-fpm with its version in its name.
has_server_program() {
    has "$1" || compgen -G "/usr/sbin/$1*" >/dev/null || compgen -G "/opt/homebrew/sbin/$1*" >/dev/null ||
        compgen -G "/usr/local/sbin/$1*" >/dev/null
}

has_php_redis() {
    compgen -G '/usr/lib/php/*/redis.so' >/dev/null || { has php && php -m | grep -qix redis; }
}

require_php_redis() {
    if ! has_php_redis; then
        fail "missing: PHP's redis extension. Run 'pecl install redis', then this again"
    fi
}

has_korean_font() {
    on_macos || compgen -G '/usr/share/fonts/*/noto*/NotoSansCJK*' >/dev/null ||
        { has fc-list && [ -n "$(fc-list :lang=ko file)" ]; }
}

# install_missing LINES: installs what the lines name, or prints what the user has to install.
install_missing() {
    local programs packages formulas
    if [ -z "$1" ]; then
        return
    fi
    programs="$(cut -d'|' -f1 <<<"$1" | paste -sd, - | sed 's/,/, /g')"
    packages="$(cut -d'|' -f2 <<<"$1" | paste -sd' ' -)"
    formulas="$(cut -d'|' -f3 <<<"$1" | paste -sd' ' -)"

    if on_macos; then
        has cc || fail "missing: a C compiler. Run 'xcode-select --install', then this again"
        fail "missing: $programs. Run 'brew install $formulas', then this again"
    elif ! on_debian; then
        fail "missing: $programs. Install them (on Debian they are $packages), then run this again"
    fi

    # shellcheck disable=SC2086 # a list of packages
    require_root $packages
    say "Installing $packages (under a minute)"
    case " $packages " in *' postgresql '*) without_default_cluster ;; esac
    # shellcheck disable=SC2086
    apt_install $packages || fail "apt-get could not install $packages"
    case " $packages " in *' redis-server '*) without_service redis-server ;; esac
    case " $packages " in *' nginx '*) without_service nginx ;; esac
    case " $packages " in *' php-fpm '*) without_service 'php*-fpm' ;; esac
    # The new programs may be in folders that did not exist before.
    . "$FRONTROW_ROOT/scripts/env.sh"
}

set_up_system_for_build() {
    install_missing "$(missing_for_build)"
}

# Both lists at once, so that apt runs once.
set_up_system_for_test() {
    install_missing "$(missing_for_build && missing_for_test)"
    require_php_redis
}
